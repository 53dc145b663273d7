/** Who may pass: nobody before the first administrator exists, and then whoever is logged in. */
import { useQuery } from '@tanstack/react-query';
import { Navigate, useLocation } from 'react-router';
import { ApiError } from '../api/client';
import { sessionQuery, setupQuery } from '../api/queries';
import { Shell } from '../layout/shell';
import { Loading, Problem } from '../layout/state';

/** Shows the page to whoever is logged in and leads others to where they can be. */
export function Entrance() {
  const session = useQuery(sessionQuery);
  const stranger = session.data === undefined && session.error instanceof ApiError && session.error.status === 401;
  const setup = useQuery({ ...setupQuery, enabled: stranger });
  const location = useLocation();
  if (session.data !== undefined) return <Shell />;
  if (stranger && setup.data !== undefined) {
    if (setup.data.needs_first_administrator) return <Navigate to="/setup" replace />;
    const next = location.pathname + location.search;
    return <Navigate to={next === '/' ? '/login' : `/login?next=${encodeURIComponent(next)}`} replace />;
  }
  const error = stranger ? setup.error : session.error;
  if (error !== null && error !== undefined && !(stranger && setup.isPending)) {
    return (
      <main className="amorce-alone">
        <Problem error={error} retry={() => void (stranger ? setup.refetch() : session.refetch())} />
      </main>
    );
  }
  return <Loading />;
}
