/** What a page shows while it has nothing to show: it loads, it failed, or there is nothing yet. */
import { Alert, AlertActionLink, Bullseye, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter, Spinner } from '@patternfly/react-core';
import type { ComponentType, ReactNode } from 'react';
import { problemOf } from '../api/client';
import { useLanguage } from '../language/language';
import { useProblemText } from '../language/problem';

/** Something is on its way. */
export function Loading() {
  const { t } = useLanguage();
  return (
    <Bullseye className="amorce-loading">
      <Spinner aria-label={t('state.loading')} size="lg" />
    </Bullseye>
  );
}

/** Something went wrong: what, and what to do about it. */
export function Problem({ error, retry, heading }: { error: unknown; retry?: () => void; heading?: string }) {
  const { t } = useLanguage();
  const text = useProblemText()(problemOf(error));
  return (
    <Alert
      variant="danger"
      isInline
      title={heading ?? text.title}
      actionLinks={retry === undefined ? undefined : <AlertActionLink onClick={retry}>{t('action.try-again')}</AlertActionLink>}
    >
      {heading !== undefined && <p>{text.title}</p>}
      {text.remedy !== '' && <p>{text.remedy}</p>}
      {text.detail !== '' && <p className="amorce-quiet">{text.detail}</p>}
    </Alert>
  );
}

interface Nothing {
  title: string;
  icon?: ComponentType;
  children: ReactNode;
  actions?: ReactNode;
}

/** Nothing is here yet, and this is what to do next. */
export function Nothing({ title, icon, children, actions }: Nothing) {
  return (
    <EmptyState titleText={title} headingLevel="h2" icon={icon}>
      <EmptyStateBody>{children}</EmptyStateBody>
      {actions !== undefined && (
        <EmptyStateFooter>
          <EmptyStateActions>{actions}</EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}
