import { expect, test } from 'vitest';
import type { Job } from '../api/types';
import { jobsByDay } from './days';

const job = (created_at: string, done: number, failed: number) =>
  ({ created_at, counts: { total: done + failed, done, failed, cancelled: 0, running: 0, waiting: 0, queued: 0 } }) as Job;

test('each job counts on its own day, older ones on none', () => {
  const now = new Date(2026, 10, 22, 15).getTime();
  const iso = (day: number, hour: number) => new Date(2026, 10, day, hour).toISOString();
  const days = jobsByDay([job(iso(22, 0), 3, 1), job(iso(22, 14), 1, 0), job(iso(21, 23), 0, 2), job(iso(1, 9), 50, 0)], now, 3);
  expect(days.map(({ done, failed }) => [done, failed])).toEqual([[0, 0], [0, 2], [4, 1]]);
});
