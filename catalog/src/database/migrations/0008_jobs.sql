-- When a job may begin (JSON; none: at once), what it was made for (JSON; none: machines that were named), and the job
-- whose failed machines it tries again.
ALTER TABLE job ADD COLUMN schedule TEXT;
ALTER TABLE job ADD COLUMN target TEXT;
ALTER TABLE job ADD COLUMN retry_of TEXT;
CREATE INDEX job_created_by ON job (created_by, id);

-- What became of a machine in a job, in order. `details`: JSON.
CREATE TABLE job_event (
    seq     INTEGER PRIMARY KEY,
    job     TEXT NOT NULL,
    machine TEXT NOT NULL,
    at      INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    details TEXT NOT NULL,
    FOREIGN KEY (job, machine) REFERENCES job_machine (job, machine) ON DELETE CASCADE
) STRICT;
CREATE INDEX job_event_row ON job_event (job, machine, seq);
CREATE INDEX job_machine_machine ON job_machine (machine, job);
