package slots

// span is the half-open range [from, to) of bytes within a slot.
type span struct{ from, to int }

// extents is the set of bytes of one slot that were written: sorted spans
// that neither overlap nor touch. Clients write almost in order, so it is
// nearly always one span.
type extents []span

// add returns the set with [from, to) in it.
func (e extents) add(from, to int) extents {
	if from >= to {
		return e
	}
	if n := len(e); n > 0 && e[n-1].to == from { // the common case: the next write in order
		e[n-1].to = to
		return e
	}
	out := make(extents, 0, len(e)+1)
	added := span{from, to}
	placed := false
	for _, s := range e {
		switch {
		case s.to < added.from:
			out = append(out, s)
		case added.to < s.from:
			if !placed {
				out, placed = append(out, added), true
			}
			out = append(out, s)
		default:
			added = span{min(s.from, added.from), max(s.to, added.to)}
		}
	}
	if !placed {
		out = append(out, added)
	}
	return out
}

// covers reports whether exactly the first n bytes, without a hole, are in the
// set, or more.
func (e extents) covers(n int) bool {
	return n == 0 || len(e) > 0 && e[0].from == 0 && e[0].to >= n
}
