// Package crm is a world of CRMs on loopback: any number of hosts with names,
// addresses and certificates of their own, that answer a POST as they were last
// told to: at once, late, in drips, with a refusal, or not at all.
//
// It needs the ports 53, 80 and 443 of its network, which therefore should be a
// namespace of its own. It does not know what a lead is, beyond the number by which
// [Hosts.Arrived] is told of it, and nothing of who makes the requests.
package crm
