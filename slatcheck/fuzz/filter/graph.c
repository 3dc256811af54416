/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The graph that an exploration draws: states, and where the operations of a scope lead from them.
 * It is made of steps that a process says it took: whatever they are, what is open is told from them.
 */
#include "filter.h"

/* Not the compiler's own: it may ask a library for it, and there is none. */
static u32 bits_in(u64 set)
{
	u32 found = 0;

	for (; set; set &= set - 1)
		found++;
	return found;
}

struct node {
	u64 low, high;
	u32 depth, tried, parent, by;
	u32 next[MAX_SCOPE];
};
enum { ABSENT = 0, OUTSIDE = 1, UNSEEN = 0xffffffff };

struct graph {
	u32 used, at, ops;
	u32 from, by;			/* where the last step that was followed began, and its operation */
	u64 steps, transitions;
	struct node nodes[MOST_STATES];	/* from OUTSIDE on */
	u32 index[2 * MOST_STATES];
	u32 queue[MOST_STATES];
};

void slat_graph_begin(struct graph *graph, u32 ops)
{
	u32 i, j;

	for (i = 0; i < graph->used; i++) {
		graph->nodes[i].tried = 0;
		for (j = 0; j < MAX_SCOPE; j++)
			graph->nodes[i].next[j] = ABSENT;
	}
	for (i = 0; graph->used && i < 2 * MOST_STATES; i++)
		graph->index[i] = 0;
	graph->used = OUTSIDE + 1;
	graph->at = graph->from = OUTSIDE;
	graph->ops = at_most(ops, MAX_SCOPE);
	graph->by = 0;
	graph->steps = graph->transitions = 0;
}

/* Number a state, which is new if it was not met before. ABSENT where there is no room. */
static u32 number_of(struct graph *graph, u64 low, u64 high)
{
	u32 slot = (u32)low & (2 * MOST_STATES - 1), found;

	for (; (found = graph->index[slot]); slot = (slot + 1) & (2 * MOST_STATES - 1))
		if (graph->nodes[found].low == low && graph->nodes[found].high == high)
			return found;
	if (graph->used >= MOST_STATES)
		return ABSENT;
	graph->index[slot] = found = graph->used++;
	graph->nodes[found].low = low;
	graph->nodes[found].high = high;
	return found;
}

/*
 * Copy steps out of memory that others write, with the operations that they say were carried out.
 * Returns how many there are up to one of no operation.
 */
u32 slat_graph_copy(const struct graph *graph, const volatile struct slat_step *steps, u32 count,
		    const struct slat_op *scope, struct slat_step *into, struct slat_op *ops)
{
	u32 i;

	for (i = 0; i < count; i++) {
		into[i].low = steps[i].low;
		into[i].high = steps[i].high;
		into[i].op = steps[i].op;
		into[i].pad = 0;
		if (into[i].op >= graph->ops)
			break;
		ops[i] = scope[into[i].op];
	}
	return i;
}

/*
 * Take steps over, one behind the other. Returns how many until one that cannot be: there is no room
 * for its state, or the same operation led somewhere else from the same state before. A create needs
 * no machine; the last operation of a scope leaves none.
 */
u32 slat_graph_follow(struct graph *graph, const struct slat_step *steps, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		u32 op = steps[i].op, to;

		if (!op)
			graph->at = OUTSIDE;
		graph->from = graph->at;
		graph->by = op;
		if (op && graph->at == OUTSIDE)
			return i;
		to = op == graph->ops - 1 ? OUTSIDE : number_of(graph, steps[i].low, steps[i].high);
		if (!to || (graph->nodes[graph->at].next[op] && graph->nodes[graph->at].next[op] != to))
			return i;
		graph->steps++;
		graph->transitions += !graph->nodes[graph->at].next[op] && op;
		graph->nodes[graph->at].next[op] = to;
		graph->nodes[graph->at].tried |= 1u << op;
		graph->at = to;
	}
	return count;
}

/* The state that an operation was last tried in, or is being tried in. */
u32 slat_graph_at(const struct graph *graph) { return graph->at; }
u64 slat_graph_transitions(const struct graph *graph) { return graph->transitions; }

static void reach(struct graph *graph, u32 state, u32 from, u32 by, u32 *used)
{
	if (state <= OUTSIDE || graph->nodes[state].depth != UNSEEN)
		return;
	graph->nodes[state].depth = from == OUTSIDE ? 0 : graph->nodes[from].depth + 1;
	graph->nodes[state].parent = from;
	graph->nodes[state].by = by;
	graph->queue[(*used)++] = state;
}

/*
 * Find the depth of each state, breadth first, and count them by it: ``levels`` of ``most``. Returns
 * how many operations, less those that are barred, are open in states that lie less than ``depth``
 * deep, with the destroys of those at that depth; or 1 where not even a create was carried out.
 */
u64 slat_graph_measure(struct graph *graph, u32 depth, u32 barred, u32 *levels, u32 most)
{
	u32 all = graph->ops >= 32 ? ~0u : (1u << graph->ops) - 1, used = 0, done, i;
	u64 open = 0;

	for (i = 0; i < graph->used; i++)
		graph->nodes[i].depth = UNSEEN;
	for (i = 0; i < most; i++)
		levels[i] = 0;
	reach(graph, graph->nodes[OUTSIDE].next[0], OUTSIDE, 0, &used);
	for (done = 0; done < used; done++) {
		u32 state = graph->queue[done];
		const struct node *node = &graph->nodes[state];

		if (node->depth < most)
			levels[node->depth]++;
		if (node->depth <= depth)
			open += bits_in(all & ~1u & ~barred & ~node->tried &
						   (node->depth < depth ? ~0u : 1u << (graph->ops - 1)));
		for (i = 1; i < graph->ops; i++)
			reach(graph, node->next[i], state, i, &used);
	}
	return used ? open : 1;
}

/* The shortest way to a state that was measured, backwards. Returns its length, or ``most``. */
u32 slat_graph_way(const struct graph *graph, u32 state, u32 *ops, u32 most)
{
	u32 used = 0;

	while (state > OUTSIDE && used < most && graph->nodes[state].depth != UNSEEN) {
		ops[used++] = graph->nodes[state].by;
		state = graph->nodes[state].parent;
	}
	return used;
}
