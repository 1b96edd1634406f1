// Package faults is the suite that breaks things while leads flow, and accounts for
// every lead afterwards. It has only tests, with the build tag "faults":
//
//	make faults                        # everything, and docs/reliability.md
//	make faults FAULTS_SHORT=1         # four minutes of it, as in CI; writes no file
//	make faults FAULTS_RUN='Redis'     # the tests whose names match
//	make faults FAULTS_SEED=81327      # with the random moments of an earlier run
//	make faults FAULTS_LOGS=/tmp/logs  # keeps what the instances log
//	make soak SOAK=30m SOAK_SEED=81327 # random pairs of faults, for as long as asked
//
// A short run has some cases always, and of the others a sample that the seed picks; it says
// which it leaves out. What FAULTS_RUN names is always run. See sample.
//
// Each test starts `leadhook run` as processes, with a real Kafka, a real Redis and
// a CRM that can be told to misbehave, and breaks one thing. Then a checker, which
// shares no code with the service, reads Kafka's topics and offsets and what the
// CRM received. For each webhook that wants it, a lead must be delivered, scheduled,
// a dead letter, or not yet committed; otherwise it is lost. If it was delivered
// twice, a known cause must have happened to the instance that delivered it first, at that
// moment; see cause and number. Each row has a bound of what it tolerates. If a webhook was
// changed before, it must have gone where the change says; see life. Each body must be that of the
// lead, byte for byte.
//
// The files by purpose:
//
//	main, stack, line, instance    servers, broken connections to them, processes
//	three                          three brokers, for the cases that ask for them
//	crm, behaviour, record         the hostile CRM, and what it keeps of each POST
//	number                         which instance made a POST
//	rig, publish, kafka, event     a test's own topics, webhooks and leads
//	besieged                       webhooks that misbehave beside healthy ones
//	operator, life                 who changes webhooks meanwhile, and what each webhook was when
//	account, cause, verdict        the checker
//	table, bound                   its results, and what each may come to
//	process, broker, brokers, ...  the cases; changes, restored, recreated, race: with an operator
//	soak, soakkinds                random pairs of faults, and the kinds of faults
//	suite                          services that are broken on purpose, which the suite must notice
//	sample                         which cases a short run has
//
// It needs Linux and the same programs as make e2e-real.
package faults
