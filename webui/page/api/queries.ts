/** What the page asks of the appliance, each question with its place in the cache. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { ask } from './client';
import type {
  AuditPage,
  Evidence,
  HistoryPage,
  JobDetail,
  JobJournal,
  JobPage,
  Machine,
  MachineBoots,
  MachinePage,
  MasterList,
  NewJob,
  PlaceList,
  Preflight,
  Server,
  Session,
  Settings,
  Setup,
  WholeMenu,
} from './types';

/** Rows of a list that are asked for at once. */
export const PAGE_SIZE = 50;

function pagePath(path: string, after: string, filters: Partial<Record<string, string>>): string {
  const words = new URLSearchParams({ limit: String(PAGE_SIZE) });
  if (after !== '') words.set('after', after);
  for (const [name, value] of Object.entries(filters)) if (value !== undefined && value !== '') words.set(name, value);
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

/** What a list of machines is narrowed by, in the API's own words; empty: not at all. */
export type MachineFilters = Partial<Record<'q' | 'is' | 'firmware' | 'seen_before' | 'seen_after' | 'place' | 'sort', string>>;

/** The filters in one word, the same for the same filters: their place in the cache. */
export function filterWords(filters: Partial<Record<string, string>>): string {
  const said = Object.entries(filters).flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, value]]));
  return new URLSearchParams(said.sort()).toString();
}

/** Machines, newest first unless the filters say another order. */
export const machinesQuery = (filters: MachineFilters) =>
  infiniteQueryOptions({
    queryKey: ['machines', filterWords(filters)],
    queryFn: ({ signal, pageParam }) => ask<MachinePage>(pagePath('/machines', pageParam, filters), { signal }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
  });

/** One machine with everything known of it. */
export const machineQuery = (id: string) =>
  queryOptions({
    queryKey: ['machine', id],
    queryFn: ({ signal }) => ask<Machine>(`/machines/${encodeURIComponent(id)}`, { signal }),
  });

/** How many machines the filters leave, and nothing else of them. */
export const machineCountQuery = (filters: MachineFilters) =>
  queryOptions({
    queryKey: ['machine-count', filterWords(filters)],
    queryFn: async ({ signal }) => (await ask<MachinePage>(`/machines?limit=1&${filterWords(filters)}`, { signal })).total,
  });

/** How a machine's last boots went. */
export const bootsQuery = (id: string) =>
  queryOptions({
    queryKey: ['boots', id],
    queryFn: ({ signal }) => ask<MachineBoots>(`/machines/${encodeURIComponent(id)}/boots`, { signal }),
  });

/** What became of a machine's record, newest first. */
export const historyQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: ['history', id],
    queryFn: ({ signal, pageParam }) =>
      ask<HistoryPage>(pagePath(`/machines/${encodeURIComponent(id)}/history`, pageParam, {}), { signal }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
  });

/** What the audit is narrowed by. */
export type AuditFilters = Partial<Record<'q' | 'from' | 'to' | 'actor' | 'object' | 'object_id' | 'verb', string>>;

/** Who did what, newest first. */
export const auditQuery = (filters: AuditFilters) =>
  infiniteQueryOptions({
    queryKey: ['audit', filterWords(filters)],
    queryFn: ({ signal, pageParam }) => ask<AuditPage>(pagePath('/audit', pageParam, filters), { signal }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
  });

/** All places and groups. */
export const placesQuery = queryOptions({
  queryKey: ['places'],
  queryFn: ({ signal }) => ask<PlaceList>('/places', { signal }),
});

/** Who decides a menu: a place or group, or a machine. */
export interface MenuOwner {
  kind: 'place' | 'machine';
  id: string;
}

/** Where the menu of an owner stands. */
export const menuPath = ({ kind, id }: MenuOwner) => `/${kind === 'place' ? 'places' : 'machines'}/${encodeURIComponent(id)}/menu`;

/** What an owner decides of the boot menu, and what comes of it. */
export const menuQuery = (owner: MenuOwner) =>
  queryOptions({
    queryKey: ['menu', owner.kind, owner.id],
    queryFn: ({ signal }) => ask<WholeMenu>(menuPath(owner), { signal }),
  });

/** All masters. */
export const mastersQuery = queryOptions({
  queryKey: ['masters'],
  queryFn: ({ signal }) => ask<MasterList>('/masters', { signal }),
});

/** What a list of jobs is narrowed by. */
export type JobFilters = Partial<Record<'state' | 'machine' | 'whose', string>>;

/** Jobs, newest first. */
export const jobsQuery = (filters: JobFilters) =>
  infiniteQueryOptions({
    queryKey: ['jobs', filterWords(filters)],
    queryFn: ({ signal, pageParam }) => ask<JobPage>(pagePath('/jobs', pageParam, filters), { signal }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
  });

/** The newest jobs, as many as the API gives at once. */
export const recentJobsQuery = queryOptions({
  queryKey: ['jobs-recent'],
  queryFn: ({ signal }) => ask<JobPage>('/jobs?limit=200', { signal }),
});

/** One job with its machines. */
export const jobQuery = (id: string) =>
  queryOptions({
    queryKey: ['job', id],
    queryFn: ({ signal }) => ask<JobDetail>(`/jobs/${encodeURIComponent(id)}`, { signal }),
  });

/** What can be said before a job is made. */
export const preflightQuery = (job: NewJob | null) =>
  queryOptions({
    queryKey: ['preflight', JSON.stringify(job)],
    queryFn: ({ signal }) => ask<Preflight>('/jobs/preflight', { method: 'POST', body: job, signal }),
    enabled: job !== null,
    retry: false,
    staleTime: 5_000,
  });

/** What became of a machine in a job, in order. */
export const journalQuery = (job: string, machine: string) =>
  queryOptions({
    queryKey: ['journal', job, machine],
    queryFn: ({ signal }) => ask<JobJournal>(`/jobs/${encodeURIComponent(job)}/machines/${encodeURIComponent(machine)}/journal`, { signal }),
    staleTime: 0,
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
