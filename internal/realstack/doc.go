// Package realstack runs Apache Kafka and Redis as processes of a test: on
// loopback ports of their own, in a directory of their own, ended by Close,
// and by the kernel when the test process dies (on Linux).
//
//	k, err := realstack.StartKafka(ctx, realstack.KafkaOptions{SASLSSL: true, Config: map[string]string{"message.max.bytes": "2000000"}})
//	k.Addr()                       // host:port, no encryption, no login
//	k.SecureAddr(); k.CAFile()     // with SASLSSL: for realstack.Plain, realstack.Scram256, realstack.Scram512
//	k.ProxiedAddr()                // with Proxy: for the upstream side of that proxy
//	k.Kill(); k.Restart(ctx)       // SIGKILL; started again with its data, on its ports
//	k.Log(); k.Close()             // its last lines of output; ended, its directory removed
//
//	r, err := realstack.StartRedis(ctx, realstack.RedisOptions{TLS: true, Password: "…", Args: []string{"--appendonly", "yes"}})
//	r.Addr(); r.URL(); r.CAFile()  // redis://… or rediss://…
//	r.Kill(); r.Restart(ctx)       // empty again, unless Args ask for persistence
//
//	s, err := realstack.StartSentinel(ctx)               // a primary, a replica, three sentinels
//	s.Master(); s.Addrs(); s.Primary(); s.Replica()      // the master's name, the sentinels' host:port, the *Redis each
//
//	c, err := realstack.StartCluster(ctx)                // three primaries
//	c.Addrs(); c.Nodes()                                 // host:port each, the *Redis each
//
//	realstack.FreeAddr(t)                                // host:port where nobody listens, for a server that is away
//
// Start and Restart return when the server answers, or with an error that has
// the last lines it wrote; an ended ctx ends the waiting and the server. A
// server is used by one goroutine at a time. Close may be called twice.
//
// Kafka needs Java 17 and LEADHOOK_TEST_KAFKA_LIBS, a directory with the jars
// of org.apache.kafka:kafka_2.13 and what it depends on; Redis needs
// redis-server in the PATH. Nothing is downloaded. Tests that cannot do
// without carry the build tag "real", so that `go test ./...` needs neither:
//
//	make e2e-real
//
// It runs them, and the suites that take either kind of server, against a
// Kafka and a Redis named by LEADHOOK_TEST_KAFKA (host:port) and
// LEADHOOK_TEST_REDIS (a URL); those that are not set are started for it, by
// the program in withservers.
package realstack
