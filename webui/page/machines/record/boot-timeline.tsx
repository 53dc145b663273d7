/** How a machine's last boots went, on a line of time: what it asked, what it was told, where it stopped. */
import { Alert, Card, CardBody, CardTitle } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { bootsQuery } from '../../api/queries';
import type { Machine, MachineBoot } from '../../api/types';
import { useLanguage } from '../../language/language';
import { Moment } from '../../layout/moment';
import { Loading, Problem } from '../../layout/state';

/** One card per boot, the latest first. */
export function BootTimeline({ machine }: { machine: Machine }) {
  const { t } = useLanguage();
  const boots = useQuery(bootsQuery(machine.id));
  if (boots.isPending) return <Loading />;
  if (boots.isError) return <Problem error={boots.error} retry={() => void boots.refetch()} />;
  if (boots.data.items.length === 0) return <p className="amorce-quiet">{t('boots.none')}</p>;
  return (
    <div className="amorce-stack">
      {boots.data.items.map((boot) => (
        <Boot key={`${boot.mac} ${boot.begun_at}`} boot={boot} />
      ))}
    </div>
  );
}

function Boot({ boot }: { boot: MachineBoot }) {
  const { t, format } = useLanguage();
  const begun = Date.parse(boot.begun_at);
  const last = Date.parse(boot.entries.at(-1)?.at ?? boot.begun_at);
  return (
    <Card isCompact component="section">
      <CardTitle component="h2">
        <Moment at={boot.begun_at} />{' '}
        <span className="amorce-quiet">
          <span className="amorce-code">{boot.mac}</span> · {t('boots.took', { time: format.seconds((last - begun) / 1000) })}
        </span>
      </CardTitle>
      <CardBody>
        {boot.diagnosis !== undefined && boot.diagnosis !== null && (
          <Alert variant="warning" isInline className="amorce-alert" title={t('boots.stopped')}>
            {boot.diagnosis}
          </Alert>
        )}
        <ol className="amorce-timeline">
          {boot.entries.map((entry, index) => (
            <li key={index}>
              <time dateTime={entry.at} className="amorce-timeline-at">
                {format.offset(Date.parse(entry.at) - begun)}
              </time>
              <span>
                {entry.text}
                {entry.address !== undefined && entry.address !== null && <span className="amorce-code amorce-quiet"> {entry.address}</span>}
              </span>
            </li>
          ))}
        </ol>
      </CardBody>
    </Card>
  );
}
