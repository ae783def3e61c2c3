using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    # Redis of the test is on the loopback interface, which workerd takes for private.
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "bundle.js")],
  bindings = [
    (name = "KV_REST_API_URL", fromEnvironment = "KV_REST_API_URL"),
    (name = "KV_REST_API_TOKEN", fromEnvironment = "KV_REST_API_TOKEN"),
    (name = "BREAKWATER_IDENTITY_SECRET", fromEnvironment = "BREAKWATER_IDENTITY_SECRET"),
    (name = "BREAKWATER_KEY_PEPPER", fromEnvironment = "BREAKWATER_KEY_PEPPER"),
  ],
  compatibilityDate = "2026-01-01",
  # From which the variables are in process.env, where the package reads them.
  compatibilityFlags = ["nodejs_compat"],
);
