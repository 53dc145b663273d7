/** Jobs by the day they were created on. Pure: jobs and a clock in, one bar per day out. */
import type { Job } from '../api/types';

/** What became of the machines of one day's jobs. */
export interface Day {
  /** Its local midnight, in milliseconds. */
  at: number;
  done: number;
  failed: number;
  open: number;
  cancelled: number;
}

/** The last days, the oldest first, with those on which nothing was done. */
export function jobsByDay(jobs: readonly Job[], now: number, count: number): Day[] {
  const days: Day[] = Array.from({ length: count }, (_, index) => ({ at: midnight(now, index - count + 1), done: 0, failed: 0, open: 0, cancelled: 0 }));
  for (const job of jobs) {
    const at = Date.parse(job.created_at);
    const day = days.findLast((each) => each.at <= at);
    if (day === undefined) continue;
    day.done += job.counts.done;
    day.failed += job.counts.failed;
    day.cancelled += job.counts.cancelled;
    day.open += job.counts.running + job.counts.waiting + job.counts.queued;
  }
  return days;
}

/** Local midnight, `days` away; days of 23 and 25 hours included. */
function midnight(now: number, days: number): number {
  const date = new Date(now);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days).getTime();
}
