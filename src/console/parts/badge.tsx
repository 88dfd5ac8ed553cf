/** A state as a word with a sign and a colour: no state is told by its colour alone. */
import type { ComponentChildren } from 'preact';
import { Icon, type IconName } from './icons.tsx';

export type Tone = 'plain' | 'good' | 'amber' | 'bad' | 'blue';

export interface BadgeProps {
  readonly tone?: Tone;
  readonly icon?: IconName;
  readonly title?: string;
  readonly children: ComponentChildren;
}

export function Badge({ tone = 'plain', icon, title, children }: BadgeProps) {
  return (
    <span class="badge" data-tone={tone} title={title}>
      {icon && <Icon name={icon} />}
      {children}
    </span>
  );
}
