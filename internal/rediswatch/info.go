package rediswatch

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
)

// An info is the answer to INFO, which works where CONFIG is forbidden. What a Redis
// does not tell is missing, and not found fault with.
type info map[string]string

func parse(answer string) info {
	i := info{}
	for lines := bufio.NewScanner(strings.NewReader(answer)); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok {
			i[name] = value
		}
	}
	return i
}

// addTo adds what the node tells to found, but for its snapshots.
func (i info) addTo(found, before findings) {
	policy := i["maxmemory_policy"]
	if strings.HasPrefix(policy, "allkeys-") {
		found[eviction] = "its maxmemory-policy is " + policy + ", which drops webhooks when memory is full: they are filled again from Kafka, and leads" +
			" wait meanwhile, again and again; set it to noeviction or to one of volatile-..."
	}
	if i["role"] == "slave" {
		found[replica] = fmt.Sprintf("it is a replica of %s:%s, and leadhook needs the primary: see what redis.url and redis.mode lead to",
			i["master_host"], i["master_port"])
	}
	_, already := before[memory]
	if used, full := i.number("used_memory"), i.number("maxmemory"); isNear(used, full, already) {
		found[memory] = fmt.Sprintf("it uses %.0f %% of its maxmemory, and when that is full it %s: give it more",
			100*used/full, whenFull(policy))
	}
	for _, status := range []string{"rdb_last_bgsave_status", "aof_last_bgrewrite_status", "aof_last_write_status"} {
		if i[status] == "err" {
			found[saveFailed] = "its last save failed (" + status + "): see its log, and whether its disk is full"
		}
	}
}

func (i info) number(name string) float64 {
	n, _ := strconv.ParseFloat(i[name], 64)
	return n
}

// isNear reports whether memory is nearly full. Where it was before, it must sink a bit
// further: what connections take goes up and down.
func isNear(used, full float64, already bool) bool {
	const near, far = 0.9, 0.85
	limit := near
	if already {
		limit = far
	}
	return full > 0 && used >= limit*full
}

func whenFull(policy string) string {
	if strings.HasPrefix(policy, "volatile-") {
		return "forgets how far deliveries got, so leads may come twice"
	}
	return "refuses writes"
}

// addSnapshots adds what follows from the setting save of a node without append-only
// file.
func addSnapshots(found findings, save string) {
	if save == "" {
		found[notSaved] = "it saves nothing to disk: after a restart the marks of deliveries are gone, so leads may come twice; set appendonly yes"
		return
	}
	found[snapshots] = "it saves only snapshots (save " + save + "): after a crash it lacks the marks of deliveries" +
		" that were written since the last one, so leads may come twice; appendonly yes prevents that"
}
