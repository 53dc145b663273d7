/** The appliance itself: what it serves, what room it has, what is wrong. */
import {
  Alert,
  Card,
  CardBody,
  CardTitle,
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
  Progress,
  ProgressMeasureLocation,
} from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { serverQuery } from '../api/queries';
import { useLanguage } from '../language/language';
import { Moment } from '../layout/moment';
import { Loading, Problem } from '../layout/state';

/** Below this share of free room the bar says so. */
const LITTLE_ROOM = 0.1;

/** What is known of the appliance. */
export function ServerCard() {
  const { t, format } = useLanguage();
  const server = useQuery(serverQuery);
  return (
    <Card>
      <CardTitle component="h2">{t('server.title')}</CardTitle>
      <CardBody>
        {server.isPending && <Loading />}
        {server.isError && <Problem error={server.error} retry={() => void server.refetch()} />}
        {server.isSuccess && (
          <>
            <ServerWarnings />
            <DescriptionList orientation={{ sm: 'horizontal' }} isCompact isFluid horizontalTermWidthModifier={{ sm: '11rem' }}>
              <DescriptionListGroup>
                <DescriptionListTerm>{t('server.room')}</DescriptionListTerm>
                <DescriptionListDescription>
                  <Room total={server.data.data.bytes_total} free={server.data.data.bytes_free} />
                </DescriptionListDescription>
              </DescriptionListGroup>
              <DescriptionListGroup>
                <DescriptionListTerm>{t('server.networks')}</DescriptionListTerm>
                <DescriptionListDescription>
                  {server.data.interfaces.length === 0 && t('server.no-network')}
                  {server.data.interfaces.map((network) => (
                    <div key={network.name}>
                      {network.name} <span className="amorce-code">{network.addresses.join(' ')}</span>
                    </div>
                  ))}
                </DescriptionListDescription>
              </DescriptionListGroup>
              <DescriptionListGroup>
                <DescriptionListTerm>{t('server.version')}</DescriptionListTerm>
                <DescriptionListDescription>{server.data.version}</DescriptionListDescription>
              </DescriptionListGroup>
              <DescriptionListGroup>
                <DescriptionListTerm>{t('server.started')}</DescriptionListTerm>
                <DescriptionListDescription>
                  <Moment at={server.data.started_at} />
                </DescriptionListDescription>
              </DescriptionListGroup>
              <DescriptionListGroup>
                <DescriptionListTerm>{t('server.clock')}</DescriptionListTerm>
                <DescriptionListDescription>{format.moment(Date.parse(server.data.now))}</DescriptionListDescription>
              </DescriptionListGroup>
              <DescriptionListGroup>
                <DescriptionListTerm>{t('server.fingerprint')}</DescriptionListTerm>
                <DescriptionListDescription>
                  <span className="amorce-code">{server.data.ca_fingerprint.match(/.{1,8}/g)?.join(' ')}</span>
                  <div className="amorce-quiet">{t('server.fingerprint-about')}</div>
                </DescriptionListDescription>
              </DescriptionListGroup>
            </DescriptionList>
          </>
        )}
      </CardBody>
    </Card>
  );
}

function Room({ total, free }: { total: number; free: number }) {
  const { t, format } = useLanguage();
  if (total === 0) return t('server.room-unknown');
  const words = t('server.room-free', { free: format.bytes(free), total: format.bytes(total) });
  return (
    <>
      <Progress
        value={Math.round(((total - free) / total) * 100)}
        measureLocation={ProgressMeasureLocation.none}
        size="sm"
        variant={free / total < LITTLE_ROOM ? 'warning' : undefined}
        aria-label={t('server.room')}
        valueText={words}
      />
      <span>{words}</span>
    </>
  );
}

/** What is wrong with the appliance at the moment; nothing when nothing is. */
export function ServerWarnings() {
  const { t } = useLanguage();
  const { data } = useQuery(serverQuery);
  if (data === undefined || data.warnings.length === 0) return null;
  return (
    <Alert variant="warning" isInline className="amorce-alert" title={t('server.warnings', { count: data.warnings.length })}>
      {data.warnings.map((warning) => (
        <p key={warning}>{warning}</p>
      ))}
    </Alert>
  );
}
