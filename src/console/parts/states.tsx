/** What a screen shows when there is nothing to show: loading, empty, wrong, or old. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type Problem, wordsOf } from '../ask/problem.ts';
import type { Resource } from '../ask/resource.ts';
import { duration } from '../format/duration.ts';
import { Icon } from './icons.tsx';

/** Lines that stand for what comes; nothing for the first moment, so that fast answers do not blink. */
export function Loading({ lines = 5 }: { readonly lines?: number }) {
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSeen(true), 150);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="skeleton" role="status">
      <span class="unseen">Loading</span>
      {seen && Array.from({ length: lines }, (_, i) => <i key={i} />)}
    </div>
  );
}

export interface EmptyProps {
  readonly title: string;
  readonly children?: ComponentChildren;
  /** Buttons or links of what can be done. */
  readonly actions?: ComponentChildren;
}

export function Empty({ title, children, actions }: EmptyProps) {
  return (
    <div class="state">
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {actions && <div class="state-actions">{actions}</div>}
    </div>
  );
}

export interface FailureProps {
  readonly problem: Problem;
  readonly retry?: () => void;
  readonly actions?: ComponentChildren;
}

/** What is wrong, the Worker's own words, and what to do. */
export function Failure({ problem, retry, actions }: FailureProps) {
  const { title, advice } = wordsOf(problem);
  return (
    <div class="state" role="alert">
      <h2>{title}</h2>
      <p>{advice}</p>
      <p class="faint">
        {problem.status > 0 && `${problem.status}: `}
        {problem.message}
      </p>
      <div class="state-actions">
        {retry && (
          <button type="button" class="button" onClick={retry}>
            Try again
          </button>
        )}
        {actions}
      </div>
    </div>
  );
}

export interface BannerProps {
  readonly tone?: 'amber' | 'bad';
  readonly children: ComponentChildren;
  readonly action?: ComponentChildren;
}

export function Banner({ tone = 'amber', children, action }: BannerProps) {
  return (
    <div class="banner" role="status" data-tone={tone}>
      <Icon name="alert" />
      <span>{children}</span>
      {action}
    </div>
  );
}

export interface LoadedProps<T> {
  readonly resource: Resource<T>;
  readonly lines?: number;
  readonly actions?: ComponentChildren;
  readonly children: (value: T) => ComponentChildren;
}

/** Draws the newest answer; one that is old because of a problem is drawn under words of that. */
export function Loaded<T>({ resource, lines, actions, children }: LoadedProps<T>) {
  const { value, problem, loadedAt, reload } = resource;
  if (value === undefined) {
    return problem ? (
      <Failure problem={problem} retry={reload} actions={actions} />
    ) : (
      <Loading {...(lines === undefined ? {} : { lines })} />
    );
  }
  return (
    <>
      {problem && (
        <Banner
          action={
            <button type="button" class="button" onClick={reload}>
              Try again
            </button>
          }
        >
          {wordsOf(problem).title}. What you see is {duration(Date.now() - loadedAt)} old.
        </Banner>
      )}
      {children(value)}
    </>
  );
}
