/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every operation of a scope in every state within a depth: walks over the graph of states. What is
 * chosen here is a suggestion: whoever reads the steps draws the graph again, and says what is open.
 */
#include "slat.h"
#include "signature.h"

/* A state: where each operation leads from it, and by which it is reached first of all. */
struct state {
	struct slat_signature is;
	u32 depth, tried, parent, by;
	u32 next[MAX_SCOPE];
};
enum { NOWHERE = 0, NO_MACHINE = 1, MAX_STATES = 1 << 18, RESERVE = 96, NEAR = 128, MAX_ROUTE = 256, MOST_WALKED = 2048 };

struct slat_signature slat_signature;
int slat_signing;
struct slat_scope slat_scope;
struct slat_step slat_steps[MAX_OPS];
static struct slat_op scope_ops[MAX_SCOPE];
static struct state states[MAX_STATES];	/* from NO_MACHINE on */
static u32 states_used, index_of[2 * MAX_STATES], at;
/* States of which something may be open, the one that was met first in front. */
static u32 pending[MAX_STATES], pending_first, pending_used;
static u8 is_pending[MAX_STATES];
static u32 route[MAX_ROUTE], route_used;	/* operations to come, the last one first */
static u32 relaxed[MAX_STATES];
static u32 since_create;
/* What a search near a state has come to, and by which way. */
static struct near { u32 state, from, by; } near[NEAR];
static u32 near_seen[MAX_STATES], near_now;

/* --- the graph --- */
static u32 last_op(void) { return slat_scope.ops - 1; }
static u32 all_of(void) { return slat_scope.ops == MAX_SCOPE ? ~0u : (1u << slat_scope.ops) - 1; }

/*
 * What is still to be tried in a state; of no machine that is a create, the first of all. The deepest
 * states are destroyed and not gone on from.
 */
static u32 open_in(u32 state)
{
	const struct state *of = &states[state];
	u32 open = all_of() & ~of->tried & ~1u & ~slat_scope.barred;

	if (state == NO_MACHINE)
		return 1u & ~of->tried;
	return of->depth < slat_scope.depth ? open : open & 1u << last_op();
}

static void note_pending(u32 state)
{
	if (is_pending[state] || pending_used >= MAX_STATES || !open_in(state))
		return;
	is_pending[state] = 1;
	pending[(pending_first + pending_used++) % MAX_STATES] = state;
}

/* Number a state, which is new if it was not met before. NOWHERE if there is no room. */
static u32 number_of(const struct slat_signature *is)
{
	u32 slot = (u32)is->low & (2 * MAX_STATES - 1), found;

	for (; (found = index_of[slot]); slot = (slot + 1) & (2 * MAX_STATES - 1))
		if (states[found].is.low == is->low && states[found].is.high == is->high)
			return found;
	if (states_used >= MAX_STATES)
		return NOWHERE;
	index_of[slot] = found = states_used++;
	states[found].is = *is;
	states[found].depth = ~0u;
	return found;
}

/* A shorter way to a state was found: also to what follows from it. */
static void come_nearer(u32 state, u32 parent, u32 by)
{
	u32 used = 0, done = 0, i;

	states[state].depth = parent == NO_MACHINE ? 0 : states[parent].depth + 1;
	states[state].parent = parent;
	states[state].by = by;
	relaxed[used++] = state;
	while (done < used) {
		u32 from = relaxed[done++];

		note_pending(from);
		for (i = 1; i < slat_scope.ops; i++) {
			u32 to = states[from].next[i];

			if (to <= NO_MACHINE || states[to].depth <= states[from].depth + 1 || used >= MAX_STATES)
				continue;
			states[to].depth = states[from].depth + 1;
			states[to].parent = from;
			states[to].by = i;
			relaxed[used++] = to;
		}
	}
}

static void begin_graph(void)
{
	clear(index_of, sizeof(index_of));
	clear(states, states_used * sizeof(states[0]));
	clear(is_pending, sizeof(is_pending));
	states_used = NO_MACHINE + 1;
	pending_first = pending_used = route_used = 0;
	at = NO_MACHINE;
	slat_scope.full = slat_scope.closed = 0;
}

/* Slots whose dirty pages are logged decide what a fault may leave. */
static void sign_slots(struct slat_signature *to)
{
#ifdef SLAT_SLOTS
	u32 i;

	for (i = 0; i < guest.used; i++)
		slat_add(to, PART_LOGGING, guest.logging[i], 0, 1);
#else
	(void)to;
#endif
}

/* --- the walk --- */
/* The way from no machine to a state: along those by which each was reached first. */
static void lead_to(u32 state)
{
	route_used = 0;
	while (state > NO_MACHINE && route_used < MAX_ROUTE) {
		route[route_used++] = states[state].by;
		state = states[state].parent;
	}
}

/* Whether an operation takes so long that no way leads over it. */
static int is_slow(u32 op)
{
	return scope_ops[op].kind == OP_FLUSH_ALL || op == last_op();
}

/*
 * Find the nearest state with something open, over steps that were taken before, and not far from
 * here. Returns whether there is one; then ``route`` leads to it.
 */
static int find_open(void)
{
	u32 used = 0, done, i;

	near_now++;
	near[used++] = (struct near){ at, 0, 0 };
	near_seen[at] = near_now;
	for (done = 0; done < used; done++) {
		for (i = 1; i < last_op(); i++) {
			u32 to = states[near[done].state].next[i];

			if (to <= NO_MACHINE || near_seen[to] == near_now || is_slow(i) || used == NEAR)
				continue;
			near_seen[to] = near_now;
			near[used] = (struct near){ to, done, i };
			if (open_in(to) & ~(1u << last_op())) {
				for (route_used = 0; used; used = near[used].from)
					route[route_used++] = near[used].by;
				return 1;
			}
			used++;
		}
	}
	return 0;
}

/* From no machine: a create, on the way to some state of which something is open. 0 at the end. */
static int set_out(void)
{
	if (!(states[NO_MACHINE].tried & 1)) {
		route[0] = 0;
		route_used = 1;
		return 1;
	}
	while (pending_used) {
		u32 state = pending[pending_first];

		pending_first = (pending_first + 1) % MAX_STATES;
		pending_used--;
		is_pending[state] = 0;
		if (!open_in(state))
			continue;
		note_pending(state);
		lead_to(state);
		return 1;
	}
	return 0;
}

/* A destroy, or where that is barred a create that follows upon nothing. */
static u32 leave(void)
{
	if (!(slat_scope.barred >> last_op() & 1))
		return last_op();
	at = NO_MACHINE;
	return set_out() ? route[--route_used] : slat_scope.ops;
}

/* The next operation, by its place in the scope; the number of them where nothing is open. */
static u32 choose(void)
{
	u32 open;

	if (at == NO_MACHINE && !route_used && !set_out())
		return slat_scope.ops;
	if (route_used)
		return route[--route_used];
	open = open_in(at);
	if (slat.used > SLAT_ARENA_PAGES - RESERVE || since_create > MOST_WALKED)
		return leave();
	if (open)
		return __builtin_ctz(open);
	return find_open() ? route[--route_used] : leave();
}

static void arrive(u32 op, int machine)
{
	struct slat_signature is = slat_signature;
	struct slat_step *step = &slat_steps[slat_control.cursor];
	u32 to = NO_MACHINE;

	if (machine) {
		slat_add(&is, PART_HELD, 0, slat.held, 1);
		sign_slots(&is);
		to = number_of(&is);
	} else {
		is.low = is.high = 0;
	}
	step->low = is.low;
	step->high = is.high;
	step->op = op;
	states[at].tried |= 1u << op;
	/* what was to follow does not where the way led somewhere else */
	if (route_used && states[at].next[op] && states[at].next[op] != to)
		route_used = 0;
	states[at].next[op] = to;
	if (to > NO_MACHINE && states[to].depth > (at == NO_MACHINE ? 0 : states[at].depth + 1))
		come_nearer(to, at, op);
	if (to == NOWHERE)
		slat_scope.full = 1;
	at = to;
	since_create++;
}

/* Whether there may be another step in this call. */
static int goes_on(void)
{
	return slat_control.cursor < MAX_OPS && !half_full() && !slat_scope.full;
}

/*
 * Take steps as long as there is room for what they show; ``slat_ops`` has the scope. Where a step
 * ends the machine, nothing goes on: the caller bars its operation and begins afresh.
 */
void slat_explore(void)
{
	slat_control.cursor = slat_control.done = slat_control.stopped = 0;
	slat_control.changes = slat_control.dirty = slat_control.events = 0;
	slat_signing = 1;
	if (slat_scope.fresh) {
		u32 i;

		for (i = 0; i < slat_scope.ops; i++)
			scope_ops[i] = slat_ops[i];
		begin_graph();
		slat_scope.fresh = 0;
	}
	while (goes_on()) {
		u32 op = choose();
		s64 result;

		if (op >= slat_scope.ops) {
			slat_scope.closed = 1;
			break;
		}
		slat_steps[slat_control.cursor].op = op;
		if (slat_setjmp(slat_frame)) {
			record(0);
			slat_control.stopped = 1;
			break;
		}
		if (!op) {
			renew();
			since_create = 0;
			slat_signature.low = slat_signature.high = 0;
		}
		result = step(&scope_ops[op]);
		record(result);
		arrive(op, op != last_op() && (op || !result));
		slat_control.done = ++slat_control.cursor;
	}
	slat_signing = 0;
}
