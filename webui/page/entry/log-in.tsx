/** Logging in: the page, and the form that it shares with a session that ended in the middle of work. */
import { ActionGroup, Button, Form } from '@patternfly/react-core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Navigate, useNavigate, useSearchParams } from 'react-router';
import { ask } from '../api/client';
import { sessionQuery, setupQuery } from '../api/queries';
import type { LogIn, Session } from '../api/types';
import { useLanguage } from '../language/language';
import { Problem } from '../layout/state';
import { EntryField } from './field';
import { EntryFrame } from './frame';

/** Name and password; keeps what was typed when they are wrong. */
export function LogInForm({ name: known, onDone }: { name?: string; onDone: (session: Session) => void }) {
  const { t } = useLanguage();
  const [name, setName] = useState(known ?? '');
  const [password, setPassword] = useState('');
  const logIn = useMutation({
    mutationFn: (body: LogIn) => ask<Session>('/sessions', { method: 'POST', body }),
    onSuccess: onDone,
    onError: () => document.getElementById('login-password')?.focus(),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    logIn.mutate({ name: name.trim(), password });
  };
  return (
    <Form onSubmit={submit}>
      {logIn.isError && <Problem error={logIn.error} />}
      <EntryField
        id="login-name"
        label={t('login.name')}
        value={name}
        onChange={setName}
        autoComplete="username"
        autoFocus={known === undefined}
      />
      <EntryField
        id="login-password"
        type="password"
        label={t('login.password')}
        value={password}
        onChange={setPassword}
        autoComplete="current-password"
        autoFocus={known !== undefined}
      />
      <ActionGroup>
        <Button type="submit" variant="primary" isLoading={logIn.isPending} isDisabled={logIn.isPending}>
          {t('login.enter')}
        </Button>
      </ActionGroup>
    </Form>
  );
}

/** The page for whoever is not logged in. */
export function LogInPage() {
  const { t } = useLanguage();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [words] = useSearchParams();
  const setup = useQuery(setupQuery);
  if (setup.data?.needs_first_administrator === true) return <Navigate to="/setup" replace />;
  return (
    <EntryFrame title={t('login.title')}>
      <LogInForm
        onDone={(session) => {
          client.setQueryData(sessionQuery.queryKey, session);
          void navigate(placeAfter(words.get('next')), { replace: true });
        }}
      />
    </EntryFrame>
  );
}

/** Where to go after logging in: only ever a place of this page. */
export function placeAfter(next: string | null): string {
  return next !== null && /^\/(?![/\\])/.test(next) ? next : '/';
}
