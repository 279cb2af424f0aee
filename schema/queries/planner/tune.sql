-- For the rest of this transaction: plans for sets. Estimates of compiled rules are far too low, and a nested loop over a set never ends.
-- params: none
SELECT set_config('enable_nestloop', 'off', true), set_config('work_mem', '96MB', true), set_config('plan_cache_mode', 'force_custom_plan', true)
