package rediswatch

// A kind is what can be found. Its name is the label of the metric.
type kind int

const (
	owner kind = iota // the keys are another service's
	eviction
	replica
	writes     // are refused
	notSaved   // neither as append-only file nor as snapshots
	saveFailed // to the disk
	memory     // is nearly full
	snapshots  // and no append-only file
)

// A severity is what follows from a finding; each includes those before.
type severity int

const (
	remark  severity = iota // it is logged, counted, and noted in readiness
	warning                 // it needs a look soon
	unready                 // the service is not ready
	holding                 // leads could get lost, so they wait
)

// kinds has the name of each kind, and what follows from it. Eviction holds no lead: the
// webhooks of a share vanish together with what says that they are there.
var kinds = [...]struct {
	name     string
	severity severity
}{
	owner:      {"owner", holding},
	eviction:   {"eviction", unready},
	replica:    {"replica", unready},
	writes:     {"writes", unready},
	notSaved:   {"not_saved", warning},
	saveFailed: {"save_failed", warning},
	memory:     {"memory", warning},
	snapshots:  {"snapshots", remark},
}

// findings is what was found at a node, with a text for a person to read.
type findings map[kind]string

// A place is where something is found.
type place struct {
	node string
	kind kind
}
