/**
 * The PDGraph of an application: units as nodes as large as their work, edges as thick as they are
 * likely, and the runs in flight on the units where they are. A node can be chosen.
 */
import { useMemo } from 'preact/hooks';
import type { ApplicationView, LiveInUnit } from '../../../protocol/console/applications.ts';
import { duration } from '../../format/duration.ts';
import { counted, percent } from '../../format/quantity.ts';
import { useNarrow } from '../../parts/narrow.ts';
import { BEGIN, END, type PlacedEdge, type PlacedNode, placeGraph } from './graph-layout.ts';
import { Movers } from './movers.tsx';

/** A graph that is too wide is drawn smaller down to this, and scrolled beyond. */
const LEAST_SCALE = 0.6;

export interface GraphProps {
  readonly application: ApplicationView;
  readonly chosen: string | undefined;
  readonly choose: (unit: string) => void;
}

export function Graph({ application, chosen, choose }: GraphProps) {
  const { nodes, edges, live } = application;
  // Live counts change often, and do not move a node.
  const shape = JSON.stringify([nodes.map((n) => [n.unit, Math.round(n.workMs)]), edges]);
  const direction = useNarrow() ? 'TB' : 'LR';
  const placed = useMemo(() => placeGraph(nodes, edges, direction), [shape, direction]);
  const liveOf = new Map(live.map((of) => [of.unit, of]));
  return (
    <div class="graph">
      <svg
        viewBox={`0 0 ${placed.width} ${placed.height}`}
        width={placed.width}
        height={placed.height}
        style={{ minWidth: `${Math.round(placed.width * LEAST_SCALE)}px` }}
        role="group"
        aria-label={`Units of the application and how runs go on: ${counted(nodes.length, 'unit')}`}
      >
        <defs>
          <marker
            id="arrow"
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="11"
            markerHeight="11"
            markerUnits="userSpaceOnUse"
            orient="auto"
          >
            <path d="M0 0 8 4 0 8z" class="graph-arrow" />
          </marker>
        </defs>
        {placed.edges.map((edge) => (
          <Edge key={`${edge.from} ${edge.to}`} edge={edge} />
        ))}
        <Movers placed={placed} live={live} />
        {placed.nodes.map((node) =>
          node.unit === undefined ? (
            <Point key={node.id} node={node} />
          ) : (
            <Unit
              key={node.id}
              node={node}
              live={liveOf.get(node.unit.unit)}
              isChosen={node.unit.unit === chosen}
              choose={choose}
            />
          ),
        )}
      </svg>
    </div>
  );
}

function Edge({ edge }: { readonly edge: PlacedEdge }) {
  const { path, probability, count, labelX, labelY } = edge;
  return (
    <g class="graph-edge">
      <title>{`${percent(probability)}, ${counted(count, 'time')}`}</title>
      <path d={path} stroke-width={1 + 4 * probability} marker-end="url(#arrow)" />
      {probability < 0.995 && (
        <text x={labelX} y={labelY + 4} text-anchor="middle">
          {percent(probability)}
        </text>
      )}
    </g>
  );
}

/** Where runs begin, and where they end. */
function Point({ node: { id, x, y } }: { readonly node: PlacedNode }) {
  return (
    <g class="graph-point">
      <title>{id === BEGIN ? 'A run begins' : id === END ? 'A run ends' : ''}</title>
      <circle cx={x} cy={y} r={7} data-end={id === END} />
    </g>
  );
}

interface UnitProps {
  readonly node: PlacedNode;
  readonly live: LiveInUnit | undefined;
  readonly isChosen: boolean;
  readonly choose: (unit: string) => void;
}

function Unit({ node, live, isChosen, choose }: UnitProps) {
  const { unit, x, y, width, height } = node;
  if (!unit) return null;
  const name = unit.label ?? unit.unit;
  const act = () => choose(unit.unit);
  const key = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    act();
  };
  return (
    <g
      class="graph-unit"
      role="button"
      // An attribute of SVG, which has its case.
      tabindex={0}
      aria-pressed={isChosen}
      transform={`translate(${x - width / 2} ${y - height / 2})`}
      onClick={act}
      onKeyDown={key}
    >
      <rect width={width} height={height} rx={8} />
      <text x={12} y={height / 2 - 4} class="graph-name">
        {cut(name, Math.floor((width - 20) / 7.4))}
      </text>
      <text x={12} y={height / 2 + 13} class="graph-work">
        {duration(unit.workMs)} · {unit.backend}
      </text>
      {live && <Counts live={live} width={width} />}
    </g>
  );
}

/** Runs that are here now, on the upper edge of the node. */
function Counts({ live, width }: { readonly live: LiveInUnit; readonly width: number }) {
  const shown = (['running', 'waiting', 'between'] as const).filter((kind) => live[kind] > 0);
  return (
    <>
      {shown.map((kind, i) => (
        <g
          key={kind}
          class="graph-count"
          data-kind={kind}
          transform={`translate(${width - 16 - i * 30} 0)`}
        >
          <title>{`${live[kind]} ${kind}`}</title>
          <rect x={-13} y={-10} width={26} height={20} rx={10} />
          <text text-anchor="middle" y={4}>
            {live[kind] > 99 ? '99+' : live[kind]}
          </text>
        </g>
      ))}
    </>
  );
}

/** An SVG text has no ellipsis of its own. */
function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
