/** The whole page: its providers and its places. */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { lazy } from 'react';
import { createBrowserRouter, RouterProvider } from 'react-router';
import { ApiError } from './api/client';
import { Entrance } from './entry/entrance';
import { FirstRunPage } from './entry/first-run';
import { LogInPage } from './entry/log-in';
import { LanguageProvider } from './language/language';
import { MachinesPage } from './machines/machines-page';
import { NotFoundPage } from './layout/not-found';

// What a person opens later comes later; the list of machines comes first.
const DashboardPage = lazy(async () => ({ default: (await import('./dashboard/dashboard-page')).DashboardPage }));
const ActivityPage = lazy(async () => ({ default: (await import('./activity/activity-page')).ActivityPage }));
const ImportPage = lazy(async () => ({ default: (await import('./machines/import/import-page')).ImportPage }));
const MenusPage = lazy(async () => ({ default: (await import('./menus/menus-page')).MenusPage }));
const MachinePage = lazy(async () => ({ default: (await import('./machines/machine-page')).MachinePage }));
const MastersPage = lazy(async () => ({ default: (await import('./masters/masters-page')).MastersPage }));
const JobsPage = lazy(async () => ({ default: (await import('./jobs/jobs-page')).JobsPage }));
const JobPage = lazy(async () => ({ default: (await import('./jobs/job-page')).JobPage }));
const ReportPage = lazy(async () => ({ default: (await import('./jobs/report-page')).ReportPage }));
const SettingsPage = lazy(async () => ({ default: (await import('./settings/settings-page')).SettingsPage }));
const CapturePage = lazy(async () => ({ default: (await import('./flows/capture-page')).CapturePage }));
const RestorePage = lazy(async () => ({ default: (await import('./flows/restore-page')).RestorePage }));

const client = new QueryClient({
  defaultOptions: {
    queries: {
      // Events keep what is shown true; asking again at each focus would only be load.
      staleTime: 60_000,
      refetchOnWindowFocus: false,
      retry: (failures, error) => failures < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
    },
  },
});

const router = createBrowserRouter([
  { path: '/setup', Component: FirstRunPage },
  { path: '/login', Component: LogInPage },
  {
    path: '/',
    Component: Entrance,
    children: [
      { index: true, Component: DashboardPage },
      { path: 'machines', Component: MachinesPage },
      { path: 'machines/import', Component: ImportPage },
      { path: 'machines/:id', Component: MachinePage },
      { path: 'masters', Component: MastersPage },
      { path: 'jobs', Component: JobsPage },
      { path: 'jobs/:id', Component: JobPage },
      { path: 'jobs/:id/report', Component: ReportPage },
      { path: 'menus', Component: MenusPage },
      { path: 'activity', Component: ActivityPage },
      { path: 'settings', Component: SettingsPage },
      { path: 'capture', Component: CapturePage },
      { path: 'restore', Component: RestorePage },
      { path: '*', Component: NotFoundPage },
    ],
  },
]);

/** Mounted once. */
export function Application() {
  return (
    <LanguageProvider>
      <QueryClientProvider client={client}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </LanguageProvider>
  );
}
