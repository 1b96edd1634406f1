// Package admin serves health, readiness, metrics and Go's profiles over HTTP.
//
// It does not know what makes the service ready: each part reports it in a
// [Check]. There is no authentication, so that whoever can reach the listener sees
// everything. The default is therefore the loopback interface.
package admin
