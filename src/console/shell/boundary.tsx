/** Keeps an error of one screen to that screen: navigation goes on, and the page says what to do. */
import { Component, type ComponentChildren } from 'preact';
import { Empty } from '../parts/states.tsx';

interface BoundaryProps {
  /** Another place begins anew. */
  readonly place: string;
  readonly children: ComponentChildren;
}

interface BoundaryState {
  readonly failedAt: string | null;
}

export class Boundary extends Component<BoundaryProps, BoundaryState> {
  override state: BoundaryState = { failedAt: null };

  override componentDidCatch(error: unknown): void {
    console.error(error);
    this.setState({ failedAt: this.props.place });
  }

  override render({ place, children }: BoundaryProps, { failedAt }: BoundaryState) {
    if (failedAt !== place) return children;
    return (
      <Empty
        title="This screen has a fault"
        actions={
          <button type="button" class="button" onClick={() => this.setState({ failedAt: null })}>
            Draw it again
          </button>
        }
      >
        The others still work. The browser's console has the details for a report.
      </Empty>
    );
  }
}
