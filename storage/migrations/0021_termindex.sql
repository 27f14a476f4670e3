-- Components are looked up by their code, and each row is read for its value: nothing reads them in the order of their time (0002). Without time and id, one entry of the index stands for
-- all of a patient's components of one code. Readings wait while it is built: a minute or so for each ten million components.
SET LOCAL ROLE hub_owner;

DROP INDEX hub.term_code;
CREATE INDEX term_code ON hub.term (bucket, tenant_id, subject_id, code);
