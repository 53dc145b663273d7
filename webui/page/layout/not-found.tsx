/** An address that leads nowhere. */
import { Button, PageSection } from '@patternfly/react-core';
import { Link } from 'react-router';
import { useLanguage } from '../language/language';
import { PageHeading } from './heading';
import { Nothing } from './state';

/** Says so and leads back. */
export function NotFoundPage() {
  const { t } = useLanguage();
  return (
    <>
      <PageHeading title={t('not-found.title')} />
      <PageSection hasBodyWrapper={false}>
        <Nothing
          title={t('not-found.title')}
          actions={<Button variant="primary" component={(props) => <Link {...props} to="/machines" />}>{t('nav.machines')}</Button>}
        >
          {t('not-found.about')}
        </Nothing>
      </PageSection>
    </>
  );
}
