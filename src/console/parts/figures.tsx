/** Figures with their names, and a share as a bar. */
import type { ComponentChildren } from 'preact';

export function Figures({ children }: { readonly children: ComponentChildren }) {
  return <dl class="figures">{children}</dl>;
}

export interface FigureProps {
  readonly name: string;
  readonly title?: string;
  readonly children: ComponentChildren;
}

export function Figure({ name, title, children }: FigureProps) {
  return (
    <div class="figure" title={title}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** `share` is from 0 to 1. The figure that it shows stands beside it, so readers skip it. */
export function Meter({ share }: { readonly share: number }) {
  const percent = `${Math.round(Math.min(1, Math.max(0, share)) * 100)}%`;
  return (
    <span class="meter" aria-hidden="true">
      <i style={{ width: percent }} />
    </span>
  );
}
