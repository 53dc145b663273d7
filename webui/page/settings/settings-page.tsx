/** What the site decided, and the appliance itself. */
import {
  Alert,
  Card,
  CardBody,
  CardTitle,
  Form,
  FormGroup,
  PageSection,
  Radio,
  Tab,
  Tabs,
  TabTitleText,
} from '@patternfly/react-core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useSearchParams } from 'react-router';
import { ask } from '../api/client';
import { settingsQuery } from '../api/queries';
import type { Settings } from '../api/types';
import { useLanguage } from '../language/language';
import { announce } from '../layout/announcer';
import { PageHeading } from '../layout/heading';
import { Loading, Problem } from '../layout/state';
import { ServerCard } from './server-card';

const TABS = [
  { name: 'site', Body: SiteCard },
  { name: 'appliance', Body: ServerCard },
] as const;

/** Settings take effect when they are chosen; there is no button to forget. */
export function SettingsPage() {
  const { t } = useLanguage();
  const [words, setWords] = useSearchParams();
  const { name: tab, Body } = TABS.find(({ name }) => name === words.get('tab')) ?? TABS[0];
  return (
    <>
      <PageHeading title={t('settings.title')} />
      <PageSection hasBodyWrapper={false} isFilled>
        <Tabs
          activeKey={tab}
          onSelect={(_, key) => setWords(key === 'site' ? {} : { tab: String(key) }, { replace: true })}
          aria-label={t('settings.tabs')}
          className="amorce-tabs"
        >
          {TABS.map(({ name }) => (
            <Tab key={name} eventKey={name} title={<TabTitleText>{t(`settings.tab.${name}`)}</TabTitleText>} tabContentId={`settings-${name}`} />
          ))}
        </Tabs>
        <section id={`settings-${tab}`} role="tabpanel" aria-label={t(`settings.tab.${tab}`)} tabIndex={0} className="amorce-tab-panel amorce-flow">
          <Body />
        </section>
      </PageSection>
    </>
  );
}

function SiteCard() {
  const { t } = useLanguage();
  const client = useQueryClient();
  const settings = useQuery(settingsQuery);
  const save = useMutation({
    mutationFn: (body: Settings) => ask<Settings>('/settings', { method: 'PUT', body }),
    onSuccess: (saved) => {
      client.setQueryData(settingsQuery.queryKey, saved);
      announce(t('settings.saved'));
    },
  });
  return (
    <Card>
      <CardTitle component="h2">{t('settings.site')}</CardTitle>
      <CardBody>
        {settings.isPending && <Loading />}
        {settings.isError && <Problem error={settings.error} retry={() => void settings.refetch()} />}
        {settings.isSuccess && (
          <Form onSubmit={(event) => event.preventDefault()}>
            {save.isError && <Problem error={save.error} heading={t('settings.not-saved')} />}
            <FormGroup role="radiogroup" label={t('settings.unknown')} fieldId="unknown-machines" isStack>
              {(['inventory', 'ignore'] as const).map((choice) => (
                <Radio
                  key={choice}
                  id={`unknown-${choice}`}
                  name="unknown-machines"
                  label={t(`settings.unknown.${choice}`)}
                  description={t(`settings.unknown.${choice}.about`)}
                  isChecked={settings.data.unknown_machines === choice}
                  isDisabled={save.isPending}
                  onChange={() => save.mutate({ ...settings.data, unknown_machines: choice })}
                />
              ))}
            </FormGroup>
            <FormGroup role="radiogroup" label={t('settings.language')} fieldId="site-language" isStack>
              {(['fr', 'en'] as const).map((choice) => (
                <Radio
                  key={choice}
                  id={`language-${choice}`}
                  name="site-language"
                  label={t(`settings.language.${choice}`)}
                  isChecked={settings.data.language === choice}
                  isDisabled={save.isPending}
                  onChange={() => save.mutate({ ...settings.data, language: choice })}
                />
              ))}
            </FormGroup>
            {save.isSuccess && <Alert variant="success" isInline isPlain title={t('settings.saved')} />}
          </Form>
        )}
      </CardBody>
    </Card>
  );
}
