/** What is being done with a machine at the moment, on the machine's own page. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { jobQuery } from '../api/queries';
import type { Machine } from '../api/types';
import { JobRows } from '../jobs/job-rows';

/** The machine's row in its job; nothing if it has none. */
export function CurrentJob({ machine }: { machine: Machine }) {
  const id = machine.job?.id ?? '';
  const { data } = useQuery({ ...jobQuery(id), enabled: id !== '' });
  if (id === '' || data === undefined) return null;
  const rows = data.machines.filter((row) => row.machine === machine.id);
  return (
    <Card isCompact>
      <CardTitle component="h2">
        <Link to={`/jobs/${id}`}>{data.job.title}</Link>
      </CardTitle>
      <CardBody>
        <JobRows detail={{ job: data.job, machines: rows }} />
      </CardBody>
    </Card>
  );
}
