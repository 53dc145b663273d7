/** A new appliance has seen no machine: what to do now, and on which network. */
import { Card, CardBody, Content, List, ListItem, Title } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { serverQuery, settingsQuery } from '../api/queries';
import { useLanguage } from '../language/language';
import { ServerWarnings } from '../settings/server-card';

/** Three steps from a new appliance to the first restored machine. */
export function FirstSteps() {
  const { t } = useLanguage();
  const server = useQuery(serverQuery);
  const settings = useQuery(settingsQuery);
  const networks = server.data?.interfaces ?? [];
  return (
    <Card isLarge className="amorce-first-steps">
      <CardBody>
        <Title headingLevel="h2" size="xl">
          {t('steps.title')}
        </Title>
        <Content component="p">{t('steps.about')}</Content>
        <List component="ol" isPlain className="amorce-steps">
          <ListItem>
            <Title headingLevel="h3" size="md">
              {t('steps.boot')}
            </Title>
            <p>{t('steps.boot-about')}</p>
            {networks.length > 0 && (
              <p>
                {t('steps.networks')}{' '}
                {networks.map((network) => (
                  <span key={network.name} className="amorce-code amorce-network">
                    {network.name} {network.addresses.join(' ')}
                  </span>
                ))}
              </p>
            )}
            {settings.data?.unknown_machines === 'ignore' && <p className="amorce-strong">{t('steps.ignored')}</p>}
          </ListItem>
          <ListItem>
            <Title headingLevel="h3" size="md">
              {t('steps.capture')}
            </Title>
            <p>{t('steps.capture-about')}</p>
          </ListItem>
          <ListItem>
            <Title headingLevel="h3" size="md">
              {t('steps.restore')}
            </Title>
            <p>{t('steps.restore-about')}</p>
          </ListItem>
        </List>
        <ServerWarnings />
        <p className="amorce-quiet" role="status">
          {t('steps.waiting')}
        </p>
      </CardBody>
    </Card>
  );
}
