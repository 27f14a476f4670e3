-- fragment: c, the concepts that hold one coding
c(code_id) AS NOT MATERIALIZED (SELECT k.code_id FROM hub.coding k WHERE k.system = $code_system::text AND k.code = $code_code::text)
