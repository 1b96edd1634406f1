// Package realstack runs Apache Kafka and Redis as processes of a test, each on
// its own loopback ports and in its own directory. Close ends them; on Linux, the
// kernel also does when the test process dies.
//
//	k, err := realstack.StartKafka(ctx, realstack.KafkaOptions{SASLSSL: true, Config: map[string]string{"message.max.bytes": "2000000"}})
//	k.Addr()                       // host:port, no encryption, no login
//	k.SecureAddr(); k.CAFile()     // with SASLSSL: for realstack.Plain, realstack.Scram256, realstack.Scram512
//	k.ProxiedAddr()                // with Proxy: for the upstream side of that proxy
//	k.Kill(); k.Restart(ctx)       // SIGKILL; restarted with its data, on its ports
//	k.Stop()                       // SIGTERM, as an operator does
//	k.Log(); k.Close()             // its last lines of output; ended, and its directory removed
//
//	r, err := realstack.StartRedis(ctx, realstack.RedisOptions{TLS: true, Password: "…", Args: []string{"--appendonly", "yes"}})
//	r.Addr(); r.URL(); r.CAFile()  // redis://… or rediss://…
//	r.Kill(); r.Restart(ctx)       // then empty, unless Args ask for persistence
//
//	s, err := realstack.StartSentinel(ctx)               // a primary, a replica, three sentinels
//	s.Master(); s.Addrs(); s.Primary(); s.Replica()      // the master's name, the sentinels' host:port, the *Redis each
//	s.Current(ctx); s.FailOver(ctx); s.Revive(ctx)       // who is the primary now; the other is; the killed one is a replica
//
//	c, err := realstack.StartCluster(ctx)                // three primaries
//	c.Addrs(); c.Nodes()                                 // host:port each, the *Redis each
//
//	b, err := realstack.StartKafkaCluster(ctx, realstack.KafkaClusterOptions{})  // three brokers, three replicas
//	b.Addrs(); b.Nodes()                                 // host:port each, the *Kafka each
//	b.Leader(ctx, topic, 3); b.Coordinator(ctx, group)   // which of them; b.Place moves a partition
//
//	realstack.FreeAddr(t)                                // host:port on which no server listens
//
// Start and Restart return when the server answers, or with an error that contains
// the server's last lines of output. If ctx ends meanwhile, they end the server. A
// server must not be used concurrently. Close may be called twice.
//
// Kafka needs Java 17 and LEADHOOK_TEST_KAFKA_LIBS, a directory with the jars
// of org.apache.kafka:kafka_2.13 and its dependencies; Redis needs redis-server in
// the PATH. Nothing is downloaded. Tests that need one of them have the build tag
// "real", so that `go test ./...` needs neither. This runs them:
//
//	make e2e-real
//
// It also runs the suites that accept either kind of server. It uses the Kafka and
// the Redis named by LEADHOOK_TEST_KAFKA (host:port) and LEADHOOK_TEST_REDIS (a
// URL). If one of them is not set, the program withservers starts that server.
package realstack
