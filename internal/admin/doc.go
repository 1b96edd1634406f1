// Package admin shows over HTTP how the service is: whether it lives, whether
// it is ready and if not why, its metrics, and Go's profiles.
//
// It knows nothing of what makes the service ready: each part says so itself,
// in a [Check]. There is no authentication; who can reach the listener sees all
// of it, which is why it is on the loopback interface by default.
package admin
