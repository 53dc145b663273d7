/** What the page asks of the appliance, each question with its place in the cache. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { ask } from './client';
import type {
  Evidence,
  JobDetail,
  JobPage,
  JobState,
  Machine,
  MachinePage,
  MasterList,
  Server,
  Session,
  Settings,
  Setup,
} from './types';

/** Rows of a list that are asked for at once. */
export const PAGE_SIZE = 50;

function pagePath(path: string, after: string, filters: Record<string, string>): string {
  const words = new URLSearchParams({ limit: String(PAGE_SIZE) });
  if (after !== '') words.set('after', after);
  for (const [name, value] of Object.entries(filters)) if (value !== '') words.set(name, value);
  return `${path}?${words}`;
}

/** Whether the appliance still needs its first administrator. */
export const setupQuery = queryOptions({
  queryKey: ['setup'],
  queryFn: ({ signal }) => ask<Setup>('/setup', { signal }),
});

/** Who is logged in; fails with 401 if nobody is. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => ask<Session>('/session', { signal }),
  retry: false,
});

/** Machines, newest first, by a search. */
export const machinesQuery = (search: string) =>
  infiniteQueryOptions({
    queryKey: ['machines', search],
    queryFn: ({ signal, pageParam }) => ask<MachinePage>(pagePath('/machines', pageParam, { q: search }), { signal }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
  });

/** One machine with everything known of it. */
export const machineQuery = (id: string) =>
  queryOptions({
    queryKey: ['machine', id],
    queryFn: ({ signal }) => ask<Machine>(`/machines/${encodeURIComponent(id)}`, { signal }),
  });

/** All masters. */
export const mastersQuery = queryOptions({
  queryKey: ['masters'],
  queryFn: ({ signal }) => ask<MasterList>('/masters', { signal }),
});

/** Jobs, newest first, of a state or of all. */
export const jobsQuery = (state: JobState | '') =>
  infiniteQueryOptions({
    queryKey: ['jobs', state],
    queryFn: ({ signal, pageParam }) => ask<JobPage>(pagePath('/jobs', pageParam, { state }), { signal }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
  });

/** One job with its machines. */
export const jobQuery = (id: string) =>
  queryOptions({
    queryKey: ['job', id],
    queryFn: ({ signal }) => ask<JobDetail>(`/jobs/${encodeURIComponent(id)}`, { signal }),
  });

/** What a failed machine left behind. */
export const evidenceQuery = (job: string, machine: string) =>
  queryOptions({
    queryKey: ['evidence', job, machine],
    queryFn: ({ signal }) =>
      ask<Evidence>(`/jobs/${encodeURIComponent(job)}/machines/${encodeURIComponent(machine)}/evidence`, { signal }),
  });

/** What the site decided. */
export const settingsQuery = queryOptions({
  queryKey: ['settings'],
  queryFn: ({ signal }) => ask<Settings>('/settings', { signal }),
});

/** The appliance itself. */
export const serverQuery = queryOptions({
  queryKey: ['server'],
  queryFn: ({ signal }) => ask<Server>('/server', { signal }),
});
