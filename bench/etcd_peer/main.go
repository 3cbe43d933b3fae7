// Writes to etcd as store_bench's DurablePut writes to our store: each of N workers replaces its
// own key of about 1 kB, guarded by the revision that it read (Kubernetes' transaction).
//
//	etcd_peer ENDPOINT WORKERS SECONDS   prints writes per second
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const workersPerConnection = 8

func connect(endpoint string) *clientv3.Client {
	client, err := clientv3.New(clientv3.Config{
		Endpoints: []string{endpoint}, DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
	if err != nil {
		log.Fatal(err)
	}
	return client
}

func work(client *clientv3.Client, key string, until time.Time, done *atomic.Int64) {
	value := strings.Repeat("x", 1000)
	revision := int64(0)
	for time.Now().Before(until) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		answer, err := client.Txn(ctx).
			If(clientv3.Compare(clientv3.ModRevision(key), "=", revision)).
			Then(clientv3.OpPut(key, value)).
			Commit()
		cancel()
		if err != nil || !answer.Succeeded {
			log.Fatalf("%s: %v %+v", key, err, answer)
		}
		revision = answer.Header.Revision
		done.Add(1)
	}
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: etcd_peer ENDPOINT WORKERS SECONDS")
	}
	workers, err1 := strconv.Atoi(os.Args[2])
	seconds, err2 := strconv.ParseFloat(os.Args[3], 64)
	if err1 != nil || err2 != nil {
		log.Fatal("WORKERS and SECONDS are numbers")
	}
	var clients []*clientv3.Client
	for i := 0; i < workers; i += workersPerConnection {
		clients = append(clients, connect(os.Args[1]))
	}
	var done atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	until := start.Add(time.Duration(seconds * float64(time.Second)))
	prefix := fmt.Sprintf("/registry/pods/%d/", start.UnixNano())
	for i := 0; i < workers; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			work(clients[i/workersPerConnection], prefix+strconv.Itoa(i), until, &done)
		}(i)
	}
	all.Wait()
	fmt.Printf("%.1f\n", float64(done.Load())/time.Since(start).Seconds())
}
