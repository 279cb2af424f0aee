-- How many applications are in each state.
-- params: none
SELECT state, count(*) AS count FROM application GROUP BY state
