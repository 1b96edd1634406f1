package follow

// headsKept is how many of the records that were seen last are remembered.
const headsKept = 4096

// heads remembers the change ids of the records that were seen last.
type heads struct {
	ids   map[int64]string // by the offset behind the record
	order [headsKept]int64 // a ring of the map's keys
	next  int
}

func (h *heads) reset(offset int64, id string) {
	*h = heads{ids: make(map[int64]string)}
	h.add(offset, id)
}

func (h *heads) add(offset int64, id string) {
	delete(h.ids, h.order[h.next])
	h.ids[offset], h.order[h.next] = id, offset
	h.next = (h.next + 1) % headsKept
}

// at returns the change id of the record right before an offset, and "" if it is not
// remembered.
func (h *heads) at(offset int64) string { return h.ids[offset] }
