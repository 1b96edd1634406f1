package limiter

import "fmt"

// Leftovers names what is counted although nothing waits and nothing is in flight.
func (ls *Limiter) Leftovers() (found []string) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	check := func(zero bool, format string, args ...any) {
		if !zero {
			found = append(found, fmt.Sprintf(format, args...))
		}
	}
	check(ls.free == ls.opts.MaxInFlight && ls.slowly == 0 && ls.probing == 0, "%d free, %d slowly, %d probing", ls.free, ls.slowly, ls.probing)
	check(ls.young.n == 0 && ls.old.n == 0 && ls.watched.n == 0, "%d young, %d old, %d watched", ls.young.n, ls.old.n, ls.watched.n)
	for kind, p := range ls.pools {
		check(p.open == load{} && p.unproven == load{} && p.slowly == 0, "%+v in pool %d", p, kind)
	}
	for s, r := range ls.ready {
		check(r.filled == 0, "%b ready with standing %d", r.filled, s)
	}
	of := map[*host]int{}
	for _, w := range ls.byID {
		of[w.branch.host]++
		check(w.held == 0 && w.old == 0 && !w.trying && w.queued() == 0, "webhook %s holds %d, of them %d old; trying: %v; %d wait", w.id, w.held, w.old, w.trying, w.queued())
		check(w.waiting == [kinds]load{} && w.turn.in == nil, "webhook %s: %+v", w.id, w.waiting)
		check(ls.hosts[w.branch.host.name] == w.branch.host, "webhook %s is on a host that is forgotten", w.id)
	}
	for name, h := range ls.hosts {
		check(h.webhooks == of[h], "host %s has %d webhooks and not %d", name, of[h], h.webhooks)
		check(h.held == 0 && h.old == 0 && h.slowly == 0, "host %s holds %d, of them %d old, %d slowly", name, h.held, h.old, h.slowly)
		check(h.waiting == [classes][kinds]load{} && h.unproven == [kinds]load{}, "host %s: %+v waits", name, h.waiting)
	}
	return found
}
