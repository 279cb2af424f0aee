-- For the rest of this transaction: room to sort and to keep the rows of a batch in memory; for a large one, plans for sets: its leaves were counted by nobody yet, and a nested loop looks each of them up.
-- params: large bool
SELECT set_config('work_mem', '96MB', true), set_config('enable_nestloop', CASE WHEN $1 THEN 'off' ELSE 'on' END, true),
       set_config('plan_cache_mode', CASE WHEN $1 THEN 'force_custom_plan' ELSE 'auto' END, true)
