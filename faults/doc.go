// Package faults is the suite that breaks things while leads flow, and counts
// what became of every one of them. It has no code of its own outside its
// tests, which carry the build tag "faults":
//
//	make faults                        # everything, and docs/reliability.md
//	make faults FAULTS_SHORT=1         # some minutes of it, as CI does; writes no file
//	make faults FAULTS_RUN='Redis'     # the tests whose names match
//	make faults FAULTS_SEED=81327      # the random moments of an earlier run
//
// Tests whose names begin with TestFull are left out of a short run.
//
// Each test starts `leadhook run` as processes, on a real Kafka and a real
// Redis, beside a CRM that can be told to be hostile, and breaks one thing.
// Then a checker, which shares no code with the service, reads Kafka's topics
// and offsets and what the CRM saw. Every lead must be with each webhook that
// wanted it, or wait, or be a dead letter, or be in hand: lost is what is none
// of these. What came twice must have a cause that is known to have happened at
// that moment; see cause.
//
// The files by what they are for:
//
//	main, stack, line, instance    servers, broken lines to them, processes
//	crm, behaviour, record         the hostile CRM, and what it remembers of each POST
//	rig, publish, kafka, event     a test's own topics, webhooks and leads
//	account, cause, verdict, table the checker, and what it says
//	process, broker, redis, ...    the cases
//	suite                          services that are broken on purpose: the suite must notice
//
// It needs Linux, and what make e2e-real needs.
package faults
