-- A step that was handed out: it begins at the agent's first sign of work on it. Until then the answer may have been lost.
ALTER TABLE job_machine ADD COLUMN given_at INTEGER;
ALTER TABLE job_machine ADD COLUMN given_disk TEXT;
