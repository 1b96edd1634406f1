// Package faults is the suite that breaks things while leads flow, and accounts for
// every lead afterwards. It has only tests, with the build tag "faults":
//
//	make faults                        # everything, and docs/reliability.md
//	make faults FAULTS_SHORT=1         # a few minutes of it, as in CI; writes no file
//	make faults FAULTS_RUN='Redis'     # the tests whose names match
//	make faults FAULTS_SEED=81327      # with the random moments of an earlier run
//
// A short run leaves out the tests whose names begin with TestFull.
//
// Each test starts `leadhook run` as processes, with a real Kafka, a real Redis and
// a CRM that can be told to misbehave, and breaks one thing. Then a checker, which
// shares no code with the service, reads Kafka's topics and offsets and what the
// CRM received. For each webhook that wants it, a lead must be delivered, scheduled,
// a dead letter, or not yet committed; otherwise it is lost. If it was delivered
// twice, a known cause must have happened at that moment; see cause.
//
// The files by purpose:
//
//	main, stack, line, instance    servers, broken connections to them, processes
//	crm, behaviour, record         the hostile CRM, and what it keeps of each POST
//	rig, publish, kafka, event     a test's own topics, webhooks and leads
//	besieged                       webhooks that misbehave beside healthy ones
//	account, cause, verdict, table the checker and its results
//	process, broker, redis, ...    the cases
//	suite                          services that are broken on purpose, which the suite must notice
//
// It needs Linux and the same programs as make e2e-real.
package faults
