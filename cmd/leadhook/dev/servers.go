//go:build !nodev

package dev

import (
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/internal/devstack"
	"github.com/leadhook/leadhook/internal/samplecrm"
)

// A stack has the servers that the service needs.
type stack struct {
	kafka *devstack.Kafka
	redis *devstack.Redis
	crm   *samplecrm.CRM
	crmAt netip.AddrPort // the address that the service dials
}

// startStack starts the servers, and points the settings to them.
func startStack(cfg *config.Config, env *cli.Env) (*stack, error) {
	s := &stack{}
	if err := s.start(cfg.Dev, env); err != nil {
		s.close()
		return nil, err
	}
	cfg.Kafka.Brokers = []string{s.kafka.Addr()}
	cfg.Kafka.TLS, cfg.Kafka.SASL = config.TLS{}, config.SASL{Mechanism: config.SASLNone}
	cfg.Redis.Mode, cfg.Redis.Addrs, cfg.Redis.DB = config.RedisSingle, []string{s.redis.Addr()}, 0
	cfg.Redis.Username, cfg.Redis.Password, cfg.Redis.TLS = "", "", config.TLS{}
	cfg.Redis.SentinelMaster = ""
	cfg.Secrets.Plain = true // its leads and its CRM are invented
	cfg.HTTP.AllowHTTP = true
	cfg.HTTP.AllowCIDRs = append(cfg.HTTP.AllowCIDRs, s.crmNet())
	cfg.HTTP.AllowPorts = append(cfg.HTTP.AllowPorts, int(s.crmAt.Port()))
	return s, nil
}

func (s *stack) start(cfg config.Dev, env *cli.Env) (err error) {
	if cfg.Data != "" {
		if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
			return fmt.Errorf("dev.data: %w; name a directory that can be written", err)
		}
	}
	if s.kafka, err = devstack.StartKafka(devstack.KafkaOptions{Listen: cfg.KafkaListen, DataDir: cfg.Data}); err != nil {
		return err
	}
	if s.redis, err = devstack.StartRedis(devstack.RedisOptions{Listen: cfg.RedisListen}); err != nil {
		return err
	}
	s.crm, err = samplecrm.Start(samplecrm.Options{Listen: cfg.CRMListen, Out: env.Stdout, Page: true, KeepPosts: sampleLeads})
	if err != nil {
		return err
	}
	at, err := net.ResolveTCPAddr("tcp", s.crm.Addr())
	if err != nil {
		return fmt.Errorf("address of the sample CRM (dev.crm_listen): %w", err)
	}
	s.crmAt = netip.AddrPortFrom(at.AddrPort().Addr().Unmap(), at.AddrPort().Port())
	return nil
}

// crmNet returns the network that has only the sample CRM's address.
func (s *stack) crmNet() netip.Prefix {
	return netip.PrefixFrom(s.crmAt.Addr(), s.crmAt.Addr().BitLen())
}

func (s *stack) close() {
	if s.crm != nil {
		s.crm.Close()
	}
	if s.redis != nil {
		s.redis.Close()
	}
	if s.kafka != nil {
		s.kafka.Close()
	}
}
