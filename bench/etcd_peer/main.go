// The load generator for etcd, the peer of store_bench and of bench/api:
//
//	etcd_peer ENDPOINT OPERATION CLIENTS SECONDS
//
// Operations, on values of 1 KiB: update (each client replaces its own key, guarded by the revision
// that it read), create (a new key each time, guarded by its absence), fill (500 keys), get (one of
// them), list (all of them), watch and stream (CLIENTS watchers of one key that is written again and
// again, with at most 1 or 32 writes ahead of the slowest watcher).
//
// It prints "begin" when the measured time begins, "end" after it, then waits for a line on its
// input, so that whoever drives it can read clocks, and then prints one line of JSON.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const (
	clientsPerConnection = 8
	valueBytes           = 1024
	seeds                = 500
	readPrefix           = "/registry/configmaps/bench-read/"
	patience             = 20 * time.Second
)

type report struct {
	micros  []uint32
	seconds float64
	lost    int64
}

func connect(endpoint string, clients int) []*clientv3.Client {
	config := clientv3.Config{
		Endpoints: []string{endpoint}, DialTimeout: 5 * time.Second, Logger: zap.NewNop()}
	if strings.HasPrefix(endpoint, "https:") {
		// etcd --auto-tls signs its certificate itself.
		config.TLS = &tls.Config{InsecureSkipVerify: true}
	}
	var connections []*clientv3.Client
	for i := 0; i < clients; i += clientsPerConnection {
		client, err := clientv3.New(config)
		if err != nil {
			log.Fatal(err)
		}
		_, err = client.Get(context.Background(), "connected")
		if err != nil {
			log.Fatal(err)
		}
		connections = append(connections, client)
	}
	return connections
}

func value(note string) string { return note + strings.Repeat("x", max(0, valueBytes-len(note))) }

func seed(n int) string { return readPrefix + fmt.Sprintf("seed-%03d", n%seeds) }

// Puts the key when its revision is still the one given (0: when there is no such key), as the API
// server of Kubernetes does; the new revision.
func guardedPut(client *clientv3.Client, key, value string, revision int64) int64 {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := client.Txn(ctx).
		If(clientv3.Compare(clientv3.ModRevision(key), "=", revision)).
		Then(clientv3.OpPut(key, value)).
		Commit()
	if err != nil || !answer.Succeeded {
		log.Fatalf("%s: %v %+v", key, err, answer)
	}
	return answer.Header.Revision
}

func get(client *clientv3.Client, key string, options ...clientv3.OpOption) int {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := client.Get(ctx, key, options...)
	if err != nil {
		log.Fatalf("%s: %v", key, err)
	}
	return len(answer.Kvs)
}

// One operation of one client; n counts them, `revision` is the client's own.
func once(client *clientv3.Client, operation, unique string, n int, revision *int64) {
	switch operation {
	case "update":
		*revision = guardedPut(client, unique, value("updated"), *revision)
	case "create":
		guardedPut(client, unique+"-"+strconv.Itoa(n), value("created"), 0)
	case "get":
		if get(client, seed(n*7919)) != 1 {
			log.Fatal("get: not found; fill first")
		}
	case "list":
		if get(client, readPrefix, clientv3.WithPrefix(), clientv3.WithLimit(seeds)) != seeds {
			log.Fatal("list: not all found; fill first")
		}
	default:
		log.Fatalf("unknown operation %s", operation)
	}
}

func begin() { fmt.Println("begin") }

func end() {
	fmt.Println("end")
	bufio.NewReader(os.Stdin).ReadString('\n')
}

func runRequests(endpoint, operation string, clients int, seconds float64) report {
	connections := connect(endpoint, clients)
	if operation == "fill" {
		for n := 0; n < seeds; n++ {
			guardedPut(connections[0], seed(n), value("seed"), 0)
		}
		return report{}
	}
	micros := make([][]uint32, clients)
	var all sync.WaitGroup
	begin()
	start := time.Now()
	until := start.Add(time.Duration(seconds * float64(time.Second)))
	for i := 0; i < clients; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			unique := fmt.Sprintf("/registry/configmaps/bench/c%d-%d", start.UnixNano(), i)
			revision := int64(0)
			for n := i; ; n += clients {
				sent := time.Now()
				if !sent.Before(until) {
					return
				}
				once(connections[i/clientsPerConnection], operation, unique, n, &revision)
				micros[i] = append(micros[i], uint32(time.Since(sent).Microseconds()))
			}
		}()
	}
	all.Wait()
	result := report{seconds: time.Since(start).Seconds()}
	end()
	for _, part := range micros {
		result.micros = append(result.micros, part...)
	}
	return result
}

// What one watcher sees of the beats; `seen` gets the number of each.
func follow(watch clientv3.WatchChan, micros *[]uint32, lost *int64, seen chan<- int64) {
	last := int64(0)
	for answer := range watch {
		if answer.Err() != nil {
			log.Fatal(answer.Err())
		}
		for _, event := range answer.Events {
			words := strings.SplitN(string(event.Kv.Value[:64]), " ", 4)
			number, _ := strconv.ParseInt(words[1], 10, 64)
			sent, _ := strconv.ParseInt(words[2], 10, 64)
			*micros = append(*micros, uint32((time.Now().UnixNano()-sent)/1000))
			*lost += number - last - 1
			last = number
			seen <- number
		}
	}
}

// Waits until all watchers have seen the beat of that number.
func awaitAll(number int64, watchers int, got map[int64]int, complete *int64, seen <-chan int64) {
	for *complete < number {
		select {
		case beat := <-seen:
			if got[beat]++; got[beat] == watchers {
				delete(got, beat)
				*complete = beat
			}
		case <-time.After(patience):
			log.Fatalf("beat %d has not reached all watchers after %v", number, patience)
		}
	}
}

func runWatch(endpoint string, watchers int, window int64, seconds float64) report {
	connections := connect(endpoint, watchers)
	writer := connect(endpoint, 1)[0]
	key := fmt.Sprintf("/registry/configmaps/bench/beat-%d", time.Now().UnixNano())
	seen := make(chan int64, 64*watchers)
	micros := make([][]uint32, watchers)
	lost := make([]int64, watchers)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for i := 0; i < watchers; i++ {
		watch := connections[i/clientsPerConnection].Watch(ctx, key, clientv3.WithCreatedNotify())
		<-watch
		all.Add(1)
		go func() {
			defer all.Done()
			follow(watch, &micros[i], &lost[i], seen)
		}()
	}
	got := map[int64]int{}
	number, complete := int64(0), int64(0)
	begin()
	start := time.Now()
	until := start.Add(time.Duration(seconds * float64(time.Second)))
	for time.Now().Before(until) {
		number++
		note := fmt.Sprintf("beat %d %d ", number, time.Now().UnixNano())
		putCtx, done := context.WithTimeout(ctx, patience)
		if _, err := writer.Put(putCtx, key, value(note)); err != nil {
			log.Fatal(err)
		}
		done()
		awaitAll(number+1-window, watchers, got, &complete, seen)
	}
	awaitAll(number, watchers, got, &complete, seen)
	result := report{seconds: time.Since(start).Seconds()}
	end()
	cancel()
	all.Wait()
	for i := range micros {
		result.micros = append(result.micros, micros[i]...)
		result.lost += lost[i]
	}
	return result
}

func percentile(sorted []uint32, fraction float64) uint32 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(fraction*float64(len(sorted)-1))]
}

func main() {
	if len(os.Args) != 5 {
		log.Fatal("usage: etcd_peer ENDPOINT OPERATION CLIENTS SECONDS")
	}
	clients, err1 := strconv.Atoi(os.Args[3])
	seconds, err2 := strconv.ParseFloat(os.Args[4], 64)
	if err1 != nil || err2 != nil || clients < 1 || seconds <= 0 {
		log.Fatal("CLIENTS and SECONDS are positive numbers")
	}
	var result report
	switch operation := os.Args[2]; operation {
	case "watch":
		result = runWatch(os.Args[1], clients, 1, seconds)
	case "stream":
		result = runWatch(os.Args[1], clients, 32, seconds)
	default:
		result = runRequests(os.Args[1], operation, clients, seconds)
	}
	slices.Sort(result.micros)
	fmt.Printf("{\"count\":%d,\"seconds\":%.3f,\"p50_us\":%d,\"p99_us\":%d,\"lost\":%d}\n",
		len(result.micros), result.seconds, percentile(result.micros, 0.5),
		percentile(result.micros, 0.99), result.lost)
}
