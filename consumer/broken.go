//go:build broken_commit

package consumer

// commitsEarly makes a consumer that loses leads when it is killed: it commits
// what is fetched, settled or not. It is there for the fault suite, which must
// notice.
const commitsEarly = true
