// Package rediswatch looks at Redis all the time: whether its keys are this service's
// (owner.go), and of each node whether it is a primary that takes writes, evicts
// nothing that must stay, has room, and saves what it holds (node.go, info.go). What
// it finds it logs, counts and tells to readiness; while it finds something with
// which leads could get lost, it holds them.
//
// It does not know what the keys hold, nor whether they can be read: whoever reads
// them finds that out.
package rediswatch
