-- In which session (so: since which start of the machine) a step was handed out and began, and whether its agent has said
-- that it writes from now on. Of what began before this, nobody knows: another start, and it may have written.
ALTER TABLE job_machine ADD COLUMN given_session TEXT;
ALTER TABLE job_machine ADD COLUMN begun_session TEXT;
ALTER TABLE job_machine ADD COLUMN writing INTEGER NOT NULL DEFAULT 0;
UPDATE job_machine SET writing = 1 WHERE begun_at IS NOT NULL;
