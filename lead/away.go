package lead

import "errors"

// ErrAway is the error of work that needs something of our own which is away: a
// partition of a topic, or a part of Redis. To wait for it any longer would take the
// places of work that does not need it. The caller puts the work off.
var ErrAway = errors.New("what it needs is away")
