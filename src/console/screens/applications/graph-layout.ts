/**
 * Where the nodes and edges of a PDGraph go: dagre lays them out from left to right, or downwards. A node is as
 * large as its work, by the root of its share, so that the largest does not hide the others.
 */
import { Graph, layout } from '@dagrejs/dagre';
import type { UnitEdgeView, UnitNodeView } from '../../../protocol/console/applications.ts';

export const BEGIN = '(begin)';
export const END = '(end)';

const SMALLEST = { width: 132, height: 52 };
const LARGEST = { width: 190, height: 92 };
const POINT = 20;

export interface PlacedNode {
  readonly id: string;
  /** Undefined where the run begins or ends. */
  readonly unit: UnitNodeView | undefined;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface PlacedEdge {
  readonly from: string;
  readonly to: string;
  readonly probability: number;
  readonly count: number;
  readonly path: string;
  readonly labelX: number;
  readonly labelY: number;
}

export interface PlacedGraph {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
}

export function placeGraph(
  units: readonly UnitNodeView[],
  edges: readonly UnitEdgeView[],
  direction: 'LR' | 'TB',
): PlacedGraph {
  const graph = new Graph();
  graph.setGraph({
    rankdir: direction,
    nodesep: 26,
    ranksep: direction === 'LR' ? 66 : 44,
    marginx: 12,
    marginy: 12,
  });
  graph.setDefaultEdgeLabel(() => ({}));
  // A client may call a unit like a point of ours, so ids are numbers.
  const ids = new Map<string | null, string>(units.map(({ unit }, i) => [unit, `u${i}`]));
  const most = Math.max(1, ...units.map(({ workMs }) => workMs || 0));
  units.forEach((unit, i) => {
    graph.setNode(`u${i}`, sizeOf((unit.workMs || 0) / most));
  });
  const drawn = edges.flatMap((edge) => {
    const from = edge.from === null ? BEGIN : ids.get(edge.from);
    const to = edge.to === null ? END : ids.get(edge.to);
    if (from === undefined || to === undefined) return [];
    for (const end of [from, to]) {
      if (end === BEGIN || end === END) graph.setNode(end, { width: POINT, height: POINT });
    }
    graph.setEdge(from, to, { width: 44, height: 16, labelpos: 'c' });
    return [{ ...edge, from, to }];
  });
  layout(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return {
    width,
    height,
    nodes: graph.nodes().map((id: string) => {
      const { x, y, width, height } = graph.node(id) as PlacedNode;
      const unit = id.startsWith('u') ? units[Number(id.slice(1))] : undefined;
      return { id, unit, x, y, width, height };
    }),
    edges: drawn.map(({ from, to, probability, count }) => {
      const { points, x, y } = graph.edge(from, to) as {
        points: ReadonlyArray<{ x: number; y: number }>;
        x: number;
        y: number;
      };
      return { from, to, probability, count, path: pathOf(points), labelX: x, labelY: y };
    }),
  };
}

function sizeOf(share: number): { width: number; height: number } {
  const part = Math.sqrt(Math.max(0, Math.min(1, share)));
  return {
    width: SMALLEST.width + part * (LARGEST.width - SMALLEST.width),
    height: SMALLEST.height + part * (LARGEST.height - SMALLEST.height),
  };
}

/** A smooth line through the middles between dagre's points, from the first to the last. */
function pathOf(points: ReadonlyArray<{ x: number; y: number }>): string {
  const [first, ...rest] = points;
  if (!first) return '';
  const last = rest.at(-1) ?? first;
  const bends = rest.slice(0, -1).map((point, i) => {
    const next = rest[i + 1] ?? last;
    const to = i === rest.length - 2 ? next : middle(point, next);
    return `Q${text(point)} ${text(to)}`;
  });
  return `M${text(first)} ${bends.length === 0 ? `L${text(last)}` : bends.join(' ')}`;
}

function middle(a: { x: number; y: number }, b: { x: number; y: number }) {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

function text({ x, y }: { x: number; y: number }): string {
  return `${x.toFixed(1)},${y.toFixed(1)}`;
}
