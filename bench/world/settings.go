package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// settings is the environment of what is measured: everything is as it is by
// default, but where things are, that they are on loopback, and that an advertiser
// may have the 200 webhooks of a case. Another program finds the same in variables of
// the world's own.
func (s *stack) settings(topic, group string, adminPort int) []string {
	return append(ownEnviron(),
		"LEADHOOK_KAFKA_BROKERS="+s.kafka.Addr(), "LEADHOOK_KAFKA_TOPIC="+topic, "LEADHOOK_KAFKA_GROUP="+group,
		"LEADHOOK_REDIS_URL="+s.redis.URL(), "LEADHOOK_HTTP_ALLOW_HTTP=true", "LEADHOOK_HTTP_ALLOW_CIDRS=127.0.0.0/8",
		"LEADHOOK_HTTP_CA_FILE="+s.world.CAFile(), "LEADHOOK_WEBHOOKS_PER_ADVERTISER=200", fmt.Sprintf("LEADHOOK_ADMIN_LISTEN=127.0.0.1:%d", adminPort),
		"WORLD_BROKERS="+s.kafka.Addr(), "WORLD_TOPIC="+topic, "WORLD_GROUP="+group, "SSL_CERT_FILE="+s.world.CAFile())
}

// slots asks the service how many attempts it may make at the same time.
func (o *one) slots(ctx context.Context) (int, error) {
	out, err := command(ctx, o.settings(o.topic, o.name, adminPort), "", binary(o.dir, ""), "config", "--output", "json")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(out) {
		var setting struct{ Key, Value string }
		if err := json.Unmarshal([]byte(line), &setting); err != nil {
			return 0, err
		}
		if setting.Key == "http.max_in_flight" {
			return strconv.Atoi(setting.Value)
		}
	}
	return 0, fmt.Errorf("leadhook config does not show http.max_in_flight")
}
