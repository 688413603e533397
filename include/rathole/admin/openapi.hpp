#pragma once

#include <string_view>

namespace rathole::admin {

/// The description of the admin API in the form of OpenAPI 3.1, which the API serves.
inline constexpr std::string_view openapi_text = R"openapi({
  "openapi": "3.1.0",
  "info": {
    "title": "rathole admin API",
    "version": "1.0.0",
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    "description": "The admin API of one rathole process, a server or a client. HEAD is answered wherever GET is, with the same status and headers. Without a configured token, every request other than GET and HEAD needs the header `X-Rathole-Request: 1`. What is no request of HTTP/1 is answered with 400, 411, 413, 417, 431 or 505, and the connection is closed."
  },
  "servers": [{"url": "/"}],
  "security": [
    {"bearer": []},
    {}
  ],
  "paths": {
    "/healthz": {
      "get": {
        "operationId": "get_health",
        "summary": "Whether the process works",
        "security": [],
        "responses": {
          "200": {
            "description": "It works.",
            "content": {
              "text/plain": {"schema": {"type": "string"}, "example": "ok\n"}
            }
          },
          "405": {"$ref": "#/components/responses/MethodNotAllowed"},
          "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
      }
    },
    "/readyz": {
      "get": {
        "operationId": "get_readiness",
        "summary": "Whether visitors or clients can be sent here",
        "security": [],
        "parameters": [
          {
            "name": "services",
            "in": "query",
            "description": "`all`: ready only if all services can be reached, on a server by a client of each.",
            "schema": {"enum": ["all"]}
          }
        ],
        "responses": {
          "200": {
            "description": "Ready.",
            "content": {
              "text/plain": {"schema": {"type": "string"}, "example": "ready\n"}
            }
          },
          "400": {"$ref": "#/components/responses/BadRequest"},
          "405": {"$ref": "#/components/responses/MethodNotAllowed"},
          "503": {
            "description": "Not ready, with the reason in one line, or too many requests at once.",
            "content": {
              "text/plain": {"schema": {"type": "string"}, "example": "draining\n"},
              "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }
          }
        }
      }
    },
    "/metrics": {
      "get": {
        "operationId": "get_metrics",
        "summary": "Metrics in the text format of Prometheus, 0.0.4",
        "description": "Accepts the token or the `metrics_token`.",
        "responses": {
          "200": {
            "description": "The metrics.",
            "content": {
              "text/plain": {
                "schema": {"type": "string"},
                "example": "# TYPE rathole_ready gauge\nrathole_ready 1\n"
              }
            }
          },
          "401": {"$ref": "#/components/responses/Unauthorized"},
          "405": {"$ref": "#/components/responses/MethodNotAllowed"},
          "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
      }
    },
    "/api/v1/status": {
      "get": {
        "operationId": "get_status",
        "summary": "State and totals",
        "responses": {
          "200": {"$ref": "#/components/responses/Status"},
          "401": {"$ref": "#/components/responses/Unauthorized"},
          "403": {"$ref": "#/components/responses/Forbidden"},
          "405": {"$ref": "#/components/responses/MethodNotAllowed"},
          "421": {"$ref": "#/components/responses/MisdirectedRequest"},
          "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
      }
    },
    "/api/v1/services": {
      "get": {
        "operationId": "list_services",
        "summary": "All services, in the order of their names",
        "responses": {
          "200": {
            "description": "The services.",
            "content": {
              "application/json": {
                "schema": {
                  "type": "object",
                  "additionalProperties": false,
                  "required": ["services"],
                  "properties": {
                    "services": {
                      "type": "array",
                      "items": {
                        "allOf": [{"$ref": "#/components/schemas/Service"}],
                        "not": {"anyOf": [{"required": ["settings"]}, {"required": ["warnings"]}]}
                      }
                    }
                  }
                },
                "example": {
                  "services": [
                    {
                      "name": "web",
                      "type": "tcp",
                      "state": "up",
                      "since": "2026-11-27T10:00:01Z",
                      "reason": null,
                      "addresses": ["0.0.0.0:8080"],
                      "down_addresses": [],
                      "peer": "198.51.100.7:40312",
                      "servers": null,
                      "connections": {"active": 2, "total": 40},
                      "refused": 0,
                      "bytes": {"received": 10, "sent": 20},
                      "pool": {"idle": 8, "waiting": 0},
                      "clients": [{"address": "198.51.100.7:40312", "active": 2, "skipped": false}],
                      "udp": null,
                      "editable": true,
                      "file": "services.d/web.toml"
                    }
                  ]
                }
              }
            }
          },
          "401": {"$ref": "#/components/responses/Unauthorized"},
          "403": {"$ref": "#/components/responses/Forbidden"},
          "405": {"$ref": "#/components/responses/MethodNotAllowed"},
          "421": {"$ref": "#/components/responses/MisdirectedRequest"},
          "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
      }
    },
    "/api/v1/services/{name}": {
      "parameters": [{"$ref": "#/components/parameters/Name"}],
      "get": {
        "operationId": "get_service",
        "summary": "One service with its settings",
        "parameters": [
          {"$ref": "#/components/parameters/IfMatch"},
          {"$ref": "#/components/parameters/IfNoneMatch"}
        ],
        "responses": {
          "200": {"$ref": "#/components/responses/Service"},
          "304": {"$ref": "#/components/responses/NotModified"},
          "400": {"$ref": "#/components/responses/BadRequest"},
          "401": {"$ref": "#/components/responses/Unauthorized"},
          "403": {"$ref": "#/components/responses/Forbidden"},
          "404": {"$ref": "#/components/responses/NotFound"},
          "405": {"$ref": "#/components/responses/MethodNotAllowed"},
          "412": {"$ref": "#/components/responses/PreconditionFailed"},
          "421": {"$ref": "#/components/responses/MisdirectedRequest"},
          "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
      },
      "put": {
        "operationId": "put_service",
        "summary": "Adds or replaces a service",
        "parameters": [
          {"$ref": "#/components/parameters/RatholeRequest"},
          {"$ref": "#/components/parameters/IfMatch"},
          {"$ref": "#/components/parameters/IfNoneMatch"}
        ],
        "requestBody": {
          "required": true,
          "content": {
            "application/json": {
              "schema": {"$ref": "#/components/schemas/ServiceSettings"},
              "example": {
                "bind_addr": "0.0.0.0:8080",
                "token": "replace this by a secret of your own"
              }
            }
          }
        },
        "responses": {
          "200": {"$ref": "#/components/responses/Service"},
          "201": {"$ref": "#/components/responses/Service"},
          "400": {"$ref": "#/components/responses/BadRequest"},
          "401": {"$ref": "#/components/responses/Unauthorized"},
          "403": {"$ref": "#/components/responses/Forbidden"},
          "405": {"$ref": "#/components/responses/MethodNotAllowed"},
          "409": {"$ref": "#/components/responses/Conflict"},
          "412": {"$ref": "#/components/responses/PreconditionFailed"},
          "413": {"$ref": "#/components/responses/ContentTooLarge"},
          "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
          "421": {"$ref": "#/components/responses/MisdirectedRequest"},
          "422": {"$ref": "#/components/responses/UnprocessableContent"},
          "503": {"$ref": "#/components/responses/ServiceUnavailable"},
          "507": {"$ref": "#/components/responses/InsufficientStorage"}
        }
      },
      "patch": {
        "operationId": "patch_service",
        "summary": "Changes settings of a service (RFC 7396)",
        "parameters": [
          {"$ref": "#/components/parameters/RatholeRequest"},
          {"$ref": "#/components/parameters/IfMatch"},
          {"$ref": "#/components/parameters/IfNoneMatch"}
        ],
        "requestBody": {
          "required": true,
          "content": {
            "application/merge-patch+json": {
              "schema": {"$ref": "#/components/schemas/ServicePatch"},
              "example": {"pool": {"size": 16}, "nodelay": null}
            },
            "application/json": {"schema": {"$ref": "#/components/schemas/ServicePatch"}}
          }
        },
        "responses": {
          "200": {"$ref": "#/components/responses/Service"},
          "400": {"$ref": "#/components/responses/BadRequest"},
          "401": {"$ref": "#/components/responses/Unauthorized"},
          "403": {"$ref": "#/components/responses/Forbidden"},
          "404": {"$ref": "#/components/responses/NotFound"},
          "405": {"$ref": "#/components/responses/MethodNotAllowed"},
          "409": {"$ref": "#/components/responses/Conflict"},
          "412": {"$ref": "#/components/responses/PreconditionFailed"},
          "413": {"$ref": "#/components/responses/ContentTooLarge"},
          "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
          "421": {"$ref": "#/components/responses/MisdirectedRequest"},
          "422": {"$ref": "#/components/responses/UnprocessableContent"},
          "503": {"$ref": "#/components/responses/ServiceUnavailable"},
          "507": {"$ref": "#/components/responses/InsufficientStorage"}
        }
      },
      "delete": {
        "operationId": "delete_service",
        "summary": "Removes a service; its active connections continue",
        "parameters": [
          {"$ref": "#/components/parameters/RatholeRequest"},
          {"$ref": "#/components/parameters/IfMatch"},
          {"$ref": "#/components/parameters/IfNoneMatch"}
        ],
        "responses": {
          "204": {"$ref": "#/components/responses/NoContent"},
          "400": {"$ref": "#/components/responses/BadRequest"},
          "401": {"$ref": "#/components/responses/Unauthorized"},
          "403": {"$ref": "#/components/responses/Forbidden"},
          "404": {"$ref": "#/components/responses/NotFound"},
          "405": {"$ref": "#/components/responses/MethodNotAllowed"},
          "409": {"$ref": "#/components/responses/Conflict"},
          "412": {"$ref": "#/components/responses/PreconditionFailed"},
          "421": {"$ref": "#/components/responses/MisdirectedRequest"},
          "422": {"$ref": "#/components/responses/UnprocessableContent"},
          "503": {"$ref": "#/components/responses/ServiceUnavailable"},
          "507": {"$ref": "#/components/responses/InsufficientStorage"}
        }
      }
    },
    "/api/v1/connections": {
      "get": {
        "operationId": "list_connections",
        "summary": "Active connections, the newest first",
        "parameters": [
          {
            "name": "service",
            "in": "query",
            "description": "Only the connections of this service, or range of ports.",
            "schema": {"type": "string"},
            "example": "web"
          },
          {
            "name": "limit",
            "in": "query",
            "schema": {"type": "integer", "minimum": 1, "maximum": 10000, "default": 1000}
          }
        ],
        "responses": {
          "200": {
            "description": "The connections; `total` counts those beyond `limit` too.",
            "content": {
              "application/json": {
                "schema": {
                  "type": "object",
                  "additionalProperties": false,
                  "required": ["connections", "total"],
                  "properties": {
                    "connections": {
                      "type": "array",
                      "maxItems": 10000,
                      "items": {"$ref": "#/components/schemas/Connection"}
                    },
                    "total": {"$ref": "#/components/schemas/Count"}
                  }
                },
                "example": {
                  "connections": [
                    {
                      "id": 12,
                      "service": "web",
                      "visitor": "203.0.113.9:51000",
                      "since": "2026-11-27T10:00:01Z",
                      "seconds": 3.25,
                      "received": 1,
                      "sent": 2
                    }
                  ],
                  "total": 123
                }
              }
            }
          },
          "400": {"$ref": "#/components/responses/BadRequest"},
          "401": {"$ref": "#/components/responses/Unauthorized"},
          "403": {"$ref": "#/components/responses/Forbidden"},
          "405": {"$ref": "#/components/responses/MethodNotAllowed"},
          "421": {"$ref": "#/components/responses/MisdirectedRequest"},
          "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
      }
    },
    "/api/v1/connections/{id}": {
      "delete": {
        "operationId": "delete_connection",
        "summary": "Resets both sides of a connection",
        "parameters": [
          {
            "name": "id",
            "in": "path",
            "required": true,
            "schema": {"$ref": "#/components/schemas/Count"},
            "example": 12
          },
          {"$ref": "#/components/parameters/RatholeRequest"}
        ],
        "responses": {
          "204": {"$ref": "#/components/responses/NoContent"},
          "401": {"$ref": "#/components/responses/Unauthorized"},
          "403": {"$ref": "#/components/responses/Forbidden"},
          "404": {"$ref": "#/components/responses/NotFound"},
          "405": {"$ref": "#/components/responses/MethodNotAllowed"},
          "421": {"$ref": "#/components/responses/MisdirectedRequest"},
          "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
      }
    },
    "/api/v1/traffic": {
      "get": {
        "operationId": "get_traffic",
        "summary": "Traffic of the last hour",
        "responses": {
          "200": {
            "description": "The traffic.",
            "content": {
              "application/json": {
                "schema": {"$ref": "#/components/schemas/TrafficHistory"},
                "example": {
                  "interval_seconds": 10,
                  "received": [0, 512],
                  "sent": [0, 4096],
                  "active": [0, 1],
                  "services": {
                    "interval_seconds": 60,
                    "bytes": {"web": [4608]}
                  }
                }
              }
            }
          },
          "401": {"$ref": "#/components/responses/Unauthorized"},
          "403": {"$ref": "#/components/responses/Forbidden"},
          "405": {"$ref": "#/components/responses/MethodNotAllowed"},
          "421": {"$ref": "#/components/responses/MisdirectedRequest"},
          "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
      }
    },
    "/api/v1/reload": {
      "post": {
        "operationId": "reload",
        "summary": "Reads the configuration file again",
        "parameters": [{"$ref": "#/components/parameters/RatholeRequest"}],
        "responses": {
          "200": {
            "description": "The file is in use.",
            "content": {
              "application/json": {
                "schema": {
                  "type": "object",
                  "additionalProperties": false,
                  "required": ["result"],
                  "properties": {
                    "result": {"enum": ["applied", "unchanged"]}
                  }
                },
                "example": {"result": "applied"}
              }
            }
          },
          "401": {"$ref": "#/components/responses/Unauthorized"},
          "403": {"$ref": "#/components/responses/Forbidden"},
          "405": {"$ref": "#/components/responses/MethodNotAllowed"},
          "409": {"$ref": "#/components/responses/Conflict"},
          "421": {"$ref": "#/components/responses/MisdirectedRequest"},
          "422": {"$ref": "#/components/responses/UnprocessableContent"},
          "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
      }
    },
    "/api/v1/drain": {
      "post": {
        "operationId": "drain",
        "summary": "Refuses new visitors",
        "description": "`/readyz` answers 503 from now on. Active connections continue.",
        "parameters": [{"$ref": "#/components/parameters/RatholeRequest"}],
        "responses": {
          "200": {"$ref": "#/components/responses/Status"},
          "401": {"$ref": "#/components/responses/Unauthorized"},
          "403": {"$ref": "#/components/responses/Forbidden"},
          "405": {"$ref": "#/components/responses/MethodNotAllowed"},
          "421": {"$ref": "#/components/responses/MisdirectedRequest"},
          "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
      }
    },
    "/api/v1/undrain": {
      "post": {
        "operationId": "undrain",
        "summary": "Accepts new visitors again",
        "parameters": [{"$ref": "#/components/parameters/RatholeRequest"}],
        "responses": {
          "200": {"$ref": "#/components/responses/Status"},
          "401": {"$ref": "#/components/responses/Unauthorized"},
          "403": {"$ref": "#/components/responses/Forbidden"},
          "405": {"$ref": "#/components/responses/MethodNotAllowed"},
          "421": {"$ref": "#/components/responses/MisdirectedRequest"},
          "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
      }
    },
    "/api/v1/config": {
      "get": {
        "operationId": "get_config",
        "summary": "The effective configuration; secrets are `********`",
        "responses": {
          "200": {
            "description": "The configuration.",
            "content": {
              "application/json": {
                "schema": {"type": "object"},
                "example": {
                  "server": {
                    "bind_addr": ["0.0.0.0:2333"],
                    "default_token": "********",
                    "services": {}
                  }
                }
              }
            }
          },
          "401": {"$ref": "#/components/responses/Unauthorized"},
          "403": {"$ref": "#/components/responses/Forbidden"},
          "405": {"$ref": "#/components/responses/MethodNotAllowed"},
          "421": {"$ref": "#/components/responses/MisdirectedRequest"},
          "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
      }
    },
    "/api/v1/events": {
      "get": {
        "operationId": "stream_events",
        "summary": "Events as they happen (server-sent events)",
        "description": "Begins with the next event, or after the one that the request names.",
        "parameters": [
          {
            "name": "Last-Event-ID",
            "in": "header",
            "schema": {"$ref": "#/components/schemas/Count"},
            "description": "Begin after this event, as far as the last 1024 events reach."
          },
          {
            "name": "last_event_id",
            "in": "query",
            "schema": {"$ref": "#/components/schemas/Count"},
            "description": "The same, without a header."
          },
          {
            "name": "follow",
            "in": "query",
            "schema": {"enum": ["true", "false"], "default": "true"},
            "description": "With `false` the answer ends after the events that there are."
          }
        ],
        "responses": {
          "200": {
            "description": "A stream that does not end unless `follow` is `false`, with a comment line every 15 s.",
            "content": {
              "text/event-stream": {
                "schema": {"$ref": "#/components/schemas/Event"},
                "example": {
                  "id": "17",
                  "event": "service_up",
                  "data": "{\"time\":\"2026-11-27T10:00:01Z\",\"service\":\"web\"}"
                }
              }
            }
          },
          "400": {"$ref": "#/components/responses/BadRequest"},
          "401": {"$ref": "#/components/responses/Unauthorized"},
          "403": {"$ref": "#/components/responses/Forbidden"},
          "405": {"$ref": "#/components/responses/MethodNotAllowed"},
          "421": {"$ref": "#/components/responses/MisdirectedRequest"},
          "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
      }
    },
    "/api/v1/log/level": {
      "get": {
        "operationId": "get_log_level",
        "summary": "What is logged",
        "responses": {
          "200": {"$ref": "#/components/responses/LogLevel"},
          "401": {"$ref": "#/components/responses/Unauthorized"},
          "403": {"$ref": "#/components/responses/Forbidden"},
          "405": {"$ref": "#/components/responses/MethodNotAllowed"},
          "421": {"$ref": "#/components/responses/MisdirectedRequest"},
          "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
      },
      "put": {
        "operationId": "put_log_level",
        "summary": "Changes what is logged",
        "description": "It holds until the next restart or change of `log` in the file.",
        "parameters": [{"$ref": "#/components/parameters/RatholeRequest"}],
        "requestBody": {
          "required": true,
          "content": {
            "application/json": {
              "schema": {"$ref": "#/components/schemas/LogLevel"},
              "example": {"level": "warn,rathole::client=debug"}
            }
          }
        },
        "responses": {
          "200": {"$ref": "#/components/responses/LogLevel"},
          "400": {"$ref": "#/components/responses/BadRequest"},
          "401": {"$ref": "#/components/responses/Unauthorized"},
          "403": {"$ref": "#/components/responses/Forbidden"},
          "405": {"$ref": "#/components/responses/MethodNotAllowed"},
          "413": {"$ref": "#/components/responses/ContentTooLarge"},
          "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
          "421": {"$ref": "#/components/responses/MisdirectedRequest"},
          "422": {"$ref": "#/components/responses/UnprocessableContent"},
          "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
      }
    },
    "/api/v1/openapi.json": {
      "get": {
        "operationId": "get_openapi",
        "summary": "This description",
        "responses": {
          "200": {
            "description": "The description.",
            "content": {
              "application/json": {
                "schema": {"type": "object", "required": ["openapi", "info", "paths"]}
              }
            }
          },
          "401": {"$ref": "#/components/responses/Unauthorized"},
          "403": {"$ref": "#/components/responses/Forbidden"},
          "405": {"$ref": "#/components/responses/MethodNotAllowed"},
          "421": {"$ref": "#/components/responses/MisdirectedRequest"},
          "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
      }
    }
  },
  "components": {
    "securitySchemes": {
      "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The `token` of the admin listener. Not needed if none is configured, which is allowed on loopback and Unix sockets only."
      }
    },
    "parameters": {
      "Name": {
        "name": "name",
        "in": "path",
        "required": true,
        "example": "web",
        "description": "Name of the service: UTF-8 without control characters, percent-encoded (`/` as `%2F`). A name that is added has at most 195 bytes in that form, as its file has 200 with `.toml`, and is not `.` or `..`.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255}
      },
      "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "Entity tags, or `*`: only if the settings have one of them (RFC 9110).",
        "schema": {"type": "string"}
      },
      "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "Entity tags, or `*`: only if the settings have none of them (RFC 9110).",
        "schema": {"type": "string"}
      },
      "RatholeRequest": {
        "name": "X-Rathole-Request",
        "in": "header",
        "example": "1",
        "description": "Must be `1` if no token is configured. Another site's page cannot send it.",
        "schema": {"type": "string"}
      }
    },
    "headers": {
      "ETag": {
        "required": true,
        "description": "The strong entity tag of the settings in the file. The other members, such as counters, change without it.",
        "schema": {"type": "string", "pattern": "^\"[0-9a-f]+\"$"}
      }
    },
    "responses": {
      "BadRequest": {
        "description": "The body is not a JSON object, or a parameter is malformed.",
        "content": {
          "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }
      },
      "Unauthorized": {
        "description": "The token is missing or wrong.",
        "headers": {
          "WWW-Authenticate": {
            "required": true,
            "schema": {"type": "string", "pattern": "^Bearer"}
          }
        },
        "content": {
          "application/problem+json": {
            "schema": {"$ref": "#/components/schemas/Problem"},
            "example": {
              "type": "about:blank",
              "title": "Unauthorized",
              "status": 401,
              "detail": "A token is needed: `Authorization: Bearer TOKEN`."
            }
          }
        }
      },
      "Forbidden": {
        "description": "`Origin` is another host, or `X-Rathole-Request` is missing.",
        "content": {
          "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }
      },
      "NotFound": {
        "description": "There is none.",
        "content": {
          "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }
      },
      "MethodNotAllowed": {
        "description": "The path does not have this method.",
        "headers": {
          "Allow": {"required": true, "schema": {"type": "string"}}
        },
        "content": {
          "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }
      },
      "Conflict": {
        "description": "The service is in another file or one that the API does not change, no `services_dir` is configured, or the configuration cannot be loaded again now.",
        "content": {
          "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }
      },
      "ContentTooLarge": {
        "description": "The body is larger than 64 KiB.",
        "content": {
          "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }
      },
      "UnsupportedMediaType": {
        "description": "The body has another media type.",
        "content": {
          "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }
      },
      "MisdirectedRequest": {
        "description": "`Host` is not the name or the address of the listener.",
        "content": {
          "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }
      },
      "UnprocessableContent": {
        "description": "The settings are wrong or cannot be applied; nothing was changed.",
        "content": {
          "application/problem+json": {
            "schema": {"$ref": "#/components/schemas/Problem"},
            "example": {
              "type": "about:blank",
              "title": "Unprocessable Content",
              "status": 422,
              "detail": "1 problem; nothing was changed.",
              "problems": [
                {
                  "key": "server.services.web.bind_addr",
                  "what": "not an address of the form host:port",
                  "remedy": "write it like `bind_addr = \"0.0.0.0:8080\"`, an IPv6 address in brackets",
                  "severity": "error"
                }
              ]
            }
          }
        }
      },
      "ServiceUnavailable": {
        "description": "Too many requests at once.",
        "headers": {
          "Retry-After": {"required": true, "schema": {"type": "string", "pattern": "^[0-9]+$"}}
        },
        "content": {
          "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }
      },
      "InsufficientStorage": {
        "description": "The file of the service cannot be written; nothing was changed.",
        "content": {
          "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }
      },
      "Status": {
        "description": "The status.",
        "content": {
          "application/json": {
            "schema": {"$ref": "#/components/schemas/Status"},
            "example": {
              "version": "1.0.0",
              "mode": "server",
              "state": "running",
              "ready": true,
              "reason": null,
              "started_at": "2026-11-27T10:00:00Z",
              "uptime_seconds": 12.5,
              "transport": "tls",
              "services": {"total": 3, "up": 2},
              "connections": {"active": 12, "total": 3456},
              "bytes": {"received": 1, "sent": 2},
              "visitors_refused": 5,
              "editable": true
            }
          }
        }
      },
      "NotModified": {
        "description": "The settings have an entity tag of `If-None-Match`.",
        "headers": {"ETag": {"$ref": "#/components/headers/ETag"}}
      },
      "PreconditionFailed": {
        "description": "The settings are not as `If-Match` or `If-None-Match` says; nothing was changed.",
        "content": {
          "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }
      },
      "Service": {
        "description": "The service.",
        "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
        "content": {
          "application/json": {
            "schema": {
              "anyOf": [
                {"$ref": "#/components/schemas/ServiceDetail"},
                {"$ref": "#/components/schemas/PortRange"}
              ]
            },
            "example": {
              "name": "web",
              "type": "tcp",
              "state": "up",
              "since": "2026-11-27T10:00:01Z",
              "reason": null,
              "addresses": ["0.0.0.0:8080"],
              "down_addresses": [],
              "peer": "198.51.100.7:40312",
              "servers": null,
              "connections": {"active": 2, "total": 40},
              "refused": 0,
              "bytes": {"received": 10, "sent": 20},
              "pool": {"idle": 8, "waiting": 0},
              "clients": [{"address": "198.51.100.7:40312", "active": 2, "skipped": false}],
              "udp": null,
              "editable": true,
              "file": "services.d/web.toml",
              "settings": {
                "type": "tcp",
                "bind_addr": "0.0.0.0:8080",
                "token": "********",
                "pool": {"size": 8}
              }
            }
          }
        }
      },
      "LogLevel": {
        "description": "The level.",
        "content": {
          "application/json": {
            "schema": {"$ref": "#/components/schemas/LogLevel"},
            "example": {"level": "info"}
          }
        }
      },
      "NoContent": {"description": "Done."}
    },
    "schemas": {
      "Address": {
        "type": "string",
        "minLength": 1,
        "description": "`host:port`, an IPv6 address may be in brackets; of a service also `host:first-last`; or `unix:PATH`, and `unix:@NAME`, which a `socket_stream` may have without `unix:`. No control characters."
      },
      "BandwidthLimit": {
        "anyOf": [
          {"type": "string"},
          {
            "type": "object",
            "additionalProperties": false,
            "properties": {"in": {"type": "string"}, "out": {"type": "string"}}
          }
        ],
        "description": "Bytes in a second of all connections, such as `10 MiB/s`, from and to visitors."
      },
      "BindAddress": {
        "anyOf": [
          {"$ref": "#/components/schemas/Address"},
          {
            "type": "array",
            "minItems": 1,
            "maxItems": 64,
            "items": {"$ref": "#/components/schemas/Address"}
          }
        ]
      },
      "LocalAddress": {
        "anyOf": [
          {"$ref": "#/components/schemas/Address"},
          {
            "type": "array",
            "minItems": 1,
            "maxItems": 16,
            "uniqueItems": true,
            "items": {"$ref": "#/components/schemas/Address"}
          }
        ]
      },
      "HealthCheck": {
        "description": "How it is found out which local addresses work.",
        "anyOf": [
          {"enum": ["tcp", "http"]},
          {
            "type": "object",
            "additionalProperties": false,
            "required": ["type"],
            "properties": {
              "type": {"enum": ["tcp", "http"]},
              "path": {"type": "string", "pattern": "^/[!-~]*$", "maxLength": 2048},
              "interval": {"$ref": "#/components/schemas/Timeout"},
              "timeout": {"$ref": "#/components/schemas/Timeout"},
              "fall": {"type": "integer", "minimum": 1, "maximum": 100},
              "rise": {"type": "integer", "minimum": 1, "maximum": 100}
            }
          }
        ]
      },
      "ClientService": {
        "title": "Settings of a service of a client",
        "type": "object",
        "additionalProperties": false,
        "required": ["local_addr"],
        "properties": {
          "type": {"$ref": "#/components/schemas/ServiceType"},
          "local_addr": {"$ref": "#/components/schemas/LocalAddress"},
          "strategy": {"enum": ["round_robin", "failover"]},
          "health_check": {"$ref": "#/components/schemas/HealthCheck"},
          "server_ports": {"$ref": "#/components/schemas/ServerPorts"},
          "token": {"$ref": "#/components/schemas/Token"},
          "token_file": {"$ref": "#/components/schemas/TokenFile"},
          "nodelay": {"type": "boolean", "description": "TCP_NODELAY."},
          "retry_interval": {"$ref": "#/components/schemas/Seconds"},
          "connect_timeout": {"$ref": "#/components/schemas/Timeout"},
          "prefer_ipv6": {
            "type": "boolean",
            "description": "Tries IPv6 addresses of `local_addr` first."
          },
          "idle_timeout": {"$ref": "#/components/schemas/Seconds"},
          "half_close_timeout": {"$ref": "#/components/schemas/Timeout"},
          "udp": {"$ref": "#/components/schemas/ClientUdp"}
        }
      },
      "ClientUdp": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "idle_timeout": {"$ref": "#/components/schemas/Timeout"},
          "max_visitors": {"type": "integer", "minimum": 1, "maximum": 1048576},
          "queue_size": {
            "type": "integer",
            "minimum": 65792,
            "maximum": 1073741824,
            "description": "Bytes."
          },
          "answers_from_any_port": {
            "type": "boolean",
            "description": "Accepts answers from every port of the local address."
          }
        }
      },
      "Connection": {
        "type": "object",
        "additionalProperties": false,
        "required": ["id", "service", "visitor", "since", "seconds", "received", "sent"],
        "properties": {
          "id": {"$ref": "#/components/schemas/Count"},
          "service": {"$ref": "#/components/schemas/Name"},
          "visitor": {"type": ["string", "null"], "description": "Null on a client."},
          "since": {"$ref": "#/components/schemas/Time"},
          "seconds": {"type": "number", "minimum": 0},
          "received": {"$ref": "#/components/schemas/Count"},
          "sent": {"$ref": "#/components/schemas/Count"}
        }
      },
      "ConnectionRate": {
        "anyOf": [
          {"type": "integer", "minimum": 1, "maximum": 1000000},
          {
            "type": "object",
            "additionalProperties": false,
            "required": ["rate"],
            "properties": {
              "rate": {"type": "integer", "minimum": 1, "maximum": 1000000},
              "burst": {"type": "integer", "minimum": 1, "maximum": 1000000}
            }
          }
        ],
        "description": "New visitors of one address in a second; `burst` is the rate unless it is given."
      },
      "Connections": {
        "type": "object",
        "additionalProperties": false,
        "required": ["active", "total"],
        "properties": {
          "active": {"$ref": "#/components/schemas/Count"},
          "total": {"$ref": "#/components/schemas/Count"}
        }
      },
      "Count": {"type": "integer", "minimum": 0},
      "OnConflict": {
        "enum": ["replace", "reject", "balance"],
        "default": "replace",
        "description": "What happens to a client while others serve the service."
      },
      "MaxClients": {
        "type": "integer",
        "minimum": 1,
        "maximum": 1024,
        "default": 64,
        "description": "The most clients, with `balance`."
      },
      "Affinity": {
        "enum": ["none", "source"],
        "default": "none",
        "description": "`source`: the visitors of an address get the same client, with `balance`."
      },
      "DatagramHeaders": {
        "type": "string",
        "enum": ["first", "every"],
        "description": "Which datagrams of a visitor have a header of the PROXY protocol."
      },
      "Event": {
        "title": "Server-sent event",
        "description": "The fields of one event, which are lines of text: `id: 17`, `event: service_up`, `data: {...}`, and an empty line.",
        "type": "object",
        "additionalProperties": false,
        "required": ["event", "data"],
        "properties": {
          "id": {"type": "string", "pattern": "^[0-9]+$"},
          "event": {
            "enum": [
              "listening",
              "service_listening",
              "service_bind_failed",
              "service_up",
              "service_down",
              "client_replaced",
              "client_refused",
              "client_skipped",
              "visitor_refused",
              "connection_started",
              "connection_ended",
              "authentication_failed",
              "unknown_service",
              "connections_refused",
              "local_connect_failed",
              "local_address_down",
              "local_address_up",
              "service_loops",
              "datagrams_lost",
              "service_edited",
              "reloaded",
              "reload_failed",
              "draining",
              "undrained",
              "missed"
            ]
          },
          "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": "A JSON object. `missed`, when the reader was too slow: `{\"count\":n}`."
          }
        }
      },
      "FileMode": {
        "type": "string",
        "pattern": "^(0[0-7]{0,3}|[1-7][0-7]{0,2})$",
        "description": "The permissions of a Unix-domain socket, such as `0660`."
      },
      "FileOwner": {
        "type": "string",
        "description": "Who owns it: `user`, `user:group` or `:group`, by names or by numbers."
      },
      "Kind": {"enum": ["tcp", "udp"], "default": "tcp"},
      "LogLevel": {
        "type": "object",
        "additionalProperties": false,
        "required": ["level"],
        "properties": {
          "level": {
            "type": "string",
            "minLength": 1,
            "description": "As in `RATHOLE_LOG`: a level, or levels of parts, separated by commas."
          }
        }
      },
      "MaxConnections": {"type": "integer", "minimum": 1, "maximum": 1048576},
      "Name": {"type": "string", "description": "Name of a service."},
      "Networks": {
        "anyOf": [
          {"type": "string"},
          {"type": "array", "minItems": 1, "maxItems": 1024, "items": {"type": "string"}}
        ],
        "description": "Addresses and networks, such as `10.0.0.0/8`."
      },
      "Pool": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "size": {
            "type": "integer",
            "minimum": 0,
            "maximum": 65536,
            "description": "Idle data channels that are kept ready; 1 to 64 for UDP."
          },
          "max_size": {
            "type": "integer",
            "minimum": 0,
            "maximum": 65536,
            "description": "Idle data channels in a burst, from `size` to `max_idle`."
          },
          "max_idle": {
            "type": "integer",
            "minimum": 1,
            "maximum": 65536,
            "description": "Idle data channels of a client at most, not below `size`."
          },
          "visitor_timeout": {"$ref": "#/components/schemas/Timeout"},
          "max_waiting_visitors": {"type": "integer", "minimum": 1, "maximum": 1048576}
        }
      },
      "PortRange": {
        "title": "Range of ports with its settings",
        "description": "A table with a range of ports stands for one service for each of them, `NAME:PORT`.",
        "type": "object",
        "additionalProperties": false,
        "required": ["name", "services", "file", "editable", "settings"],
        "properties": {
          "name": {"$ref": "#/components/schemas/Name"},
          "services": {
            "type": "array",
            "maxItems": 1000,
            "items": {"$ref": "#/components/schemas/Name"}
          },
          "file": {"type": "string", "description": "Where it is configured."},
          "editable": {"type": "boolean", "description": "False for a range of the main file."},
          "settings": {"$ref": "#/components/schemas/ServiceSettings"}
        }
      },
      "Problem": {
        "title": "Problem (RFC 9457)",
        "description": "`problems` is there only where settings were refused.",
        "type": "object",
        "additionalProperties": false,
        "required": ["type", "title", "status", "detail"],
        "properties": {
          "type": {"const": "about:blank"},
          "title": {"type": "string"},
          "status": {"type": "integer", "minimum": 400, "maximum": 599},
          "detail": {"type": "string"},
          "problems": {
            "type": "array",
            "minItems": 1,
            "items": {"$ref": "#/components/schemas/SettingsProblem"}
          }
        }
      },
      "ProxyProtocol": {
        "type": "string",
        "enum": ["v1", "v2"],
        "description": "The version of the header with the visitor's address."
      },
      "Seconds": {
        "type": "integer",
        "minimum": 0,
        "maximum": 315360000,
        "description": "Whole seconds, at most ten years."
      },
      "Series": {"type": "array", "maxItems": 360, "items": {"$ref": "#/components/schemas/Count"}},
      "ServerPorts": {
        "type": "string",
        "pattern": "^[0-9]+-[0-9]+$",
        "description": "The server's ports for the range of `local_addr`; by default the same."
      },
      "ServerService": {
        "title": "Settings of a service of a server",
        "type": "object",
        "additionalProperties": false,
        "required": ["bind_addr"],
        "properties": {
          "type": {"$ref": "#/components/schemas/ServiceType"},
          "bind_addr": {"$ref": "#/components/schemas/BindAddress"},
          "mode": {"$ref": "#/components/schemas/FileMode"},
          "owner": {"$ref": "#/components/schemas/FileOwner"},
          "token": {"$ref": "#/components/schemas/Token"},
          "token_file": {"$ref": "#/components/schemas/TokenFile"},
          "nodelay": {"type": "boolean", "description": "TCP_NODELAY."},
          "pool": {"$ref": "#/components/schemas/Pool"},
          "idle_timeout": {"$ref": "#/components/schemas/Seconds"},
          "half_close_timeout": {"$ref": "#/components/schemas/Timeout"},
          "udp": {"$ref": "#/components/schemas/ServerUdp"},
          "proxy_protocol": {"$ref": "#/components/schemas/ProxyProtocol"},
          "enable_proxy_protocol": {
            "type": "boolean",
            "description": "`true` stands for `proxy_protocol = \"v1\"`."
          },
          "proxy_protocol_datagrams": {"$ref": "#/components/schemas/DatagramHeaders"},
          "accept_proxy_protocol": {
            "type": "boolean",
            "description": "Connections from `trusted_proxies` begin with a header of the PROXY protocol."
          },
          "trusted_proxies": {"$ref": "#/components/schemas/Networks"},
          "allow": {"$ref": "#/components/schemas/Networks"},
          "deny": {"$ref": "#/components/schemas/Networks"},
          "max_connections": {"$ref": "#/components/schemas/MaxConnections"},
          "max_connections_per_address": {"$ref": "#/components/schemas/MaxConnections"},
          "new_connections_per_second": {"$ref": "#/components/schemas/ConnectionRate"},
          "bandwidth_limit": {"$ref": "#/components/schemas/BandwidthLimit"},
          "on_conflict": {"$ref": "#/components/schemas/OnConflict"},
          "max_clients": {"$ref": "#/components/schemas/MaxClients"},
          "affinity": {"$ref": "#/components/schemas/Affinity"}
        }
      },
      "ServerUdp": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "idle_timeout": {"$ref": "#/components/schemas/Timeout"},
          "max_visitors": {"type": "integer", "minimum": 1, "maximum": 1048576},
          "queue_size": {
            "type": "integer",
            "minimum": 65792,
            "maximum": 1073741824,
            "description": "Bytes."
          }
        }
      },
      "Service": {
        "title": "Service",
        "description": "`settings`, what the file says, is there only in the answers of `/services/{name}`.",
        "type": "object",
        "additionalProperties": false,
        "required": [
          "name",
          "type",
          "state",
          "since",
          "reason",
          "addresses",
          "down_addresses",
          "peer",
          "servers",
          "connections",
          "refused",
          "bytes",
          "pool",
          "clients",
          "udp",
          "editable",
          "file"
        ],
        "properties": {
          "name": {"$ref": "#/components/schemas/Name"},
          "type": {"$ref": "#/components/schemas/Kind"},
          "state": {"enum": ["up", "down"]},
          "since": {"$ref": "#/components/schemas/Time"},
          "reason": {"type": ["string", "null"], "description": "Why it is down; otherwise null."},
          "addresses": {
            "type": "array",
            "maxItems": 64,
            "items": {"type": "string"},
            "description": "Server: where it listens, or would. Client: its `local_addr`."
          },
          "down_addresses": {
            "type": "array",
            "maxItems": 64,
            "items": {"type": "string"},
            "description": "Server: those it cannot bind. Client: those of `local_addr` that are down."
          },
          "peer": {
            "type": ["string", "null"],
            "description": "Address of the other side; null while down."
          },
          "servers": {
            "anyOf": [
              {
                "type": "array",
                "maxItems": 16,
                "items": {
                  "type": "object",
                  "additionalProperties": false,
                  "required": ["server", "state", "reason", "peer"],
                  "properties": {
                    "server": {"type": "string", "description": "Address in the settings."},
                    "state": {
                      "enum": ["unused", "up", "down"],
                      "description": "`unused`: another server holds the service."
                    },
                    "reason": {
                      "type": ["string", "null"],
                      "description": "Why it failed last; null if it did not, or is up."
                    },
                    "peer": {"type": ["string", "null"], "description": "Address that answered."}
                  }
                }
              },
              {"type": "null"}
            ],
            "description": "Null on a server."
          },
          "connections": {"$ref": "#/components/schemas/Connections"},
          "refused": {"$ref": "#/components/schemas/Count"},
          "bytes": {"$ref": "#/components/schemas/Traffic"},
          "pool": {
            "anyOf": [
              {
                "type": "object",
                "additionalProperties": false,
                "required": ["idle", "waiting"],
                "properties": {
                  "idle": {"$ref": "#/components/schemas/Count"},
                  "waiting": {"$ref": "#/components/schemas/Count"}
                }
              },
              {"type": "null"}
            ],
            "description": "Null on a client and for UDP."
          },
          "clients": {
            "anyOf": [
              {
                "type": "array",
                "maxItems": 1024,
                "items": {
                  "type": "object",
                  "additionalProperties": false,
                  "required": ["address", "active", "skipped"],
                  "properties": {
                    "address": {"type": "string"},
                    "active": {"$ref": "#/components/schemas/Count"},
                    "skipped": {
                      "type": "boolean",
                      "description": "It has failed to serve a visitor, and new ones avoid it for a while."
                    }
                  }
                }
              },
              {"type": "null"}
            ],
            "description": "Server: the clients that serve it, the newest last, with the visitors that each has. Null on a client."
          },
          "udp": {
            "anyOf": [
              {
                "type": "object",
                "additionalProperties": false,
                "required": ["visitors", "datagrams", "dropped"],
                "properties": {
                  "visitors": {"$ref": "#/components/schemas/Count"},
                  "datagrams": {"$ref": "#/components/schemas/Traffic"},
                  "dropped": {"$ref": "#/components/schemas/Count"}
                }
              },
              {"type": "null"}
            ],
            "description": "Null for TCP."
          },
          "editable": {
            "type": "boolean",
            "description": "Whether it has a file in `services_dir` that is no link and as the API writes it."
          },
          "file": {"type": "string", "description": "Where it is configured."},
          "range": {
            "type": "string",
            "description": "Name of the range of ports that has it; absent otherwise."
          },
          "settings": {
            "anyOf": [{"$ref": "#/components/schemas/ServiceSettings"}, {"type": "null"}],
            "description": "Of a file that has been edited by hand, only what is valid; null if not even the address is."
          },
          "warnings": {
            "type": "array",
            "minItems": 1,
            "items": {"$ref": "#/components/schemas/SettingsProblem"},
            "description": "After a change, what has no effect or will not work."
          }
        }
      },
      "ServiceDetail": {
        "title": "Service with its settings",
        "allOf": [{"$ref": "#/components/schemas/Service"}],
        "required": ["settings"]
      },
      "ServicePatch": {
        "title": "Change of a service",
        "description": "Members of the settings of this side; null removes a member.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "type": {
            "anyOf": [{"$ref": "#/components/schemas/ServiceType"}, {"type": "null"}]
          },
          "bind_addr": {
            "anyOf": [{"$ref": "#/components/schemas/BindAddress"}, {"type": "null"}]
          },
          "mode": {
            "anyOf": [{"$ref": "#/components/schemas/FileMode"}, {"type": "null"}]
          },
          "owner": {
            "anyOf": [{"$ref": "#/components/schemas/FileOwner"}, {"type": "null"}]
          },
          "token": {
            "anyOf": [{"$ref": "#/components/schemas/Token"}, {"type": "null"}]
          },
          "token_file": {
            "anyOf": [{"$ref": "#/components/schemas/TokenFile"}, {"type": "null"}]
          },
          "nodelay": {"type": ["boolean", "null"]},
          "idle_timeout": {
            "anyOf": [{"$ref": "#/components/schemas/Seconds"}, {"type": "null"}]
          },
          "half_close_timeout": {
            "anyOf": [{"$ref": "#/components/schemas/Timeout"}, {"type": "null"}]
          },
          "local_addr": {
            "anyOf": [{"$ref": "#/components/schemas/LocalAddress"}, {"type": "null"}]
          },
          "strategy": {"enum": ["round_robin", "failover", null]},
          "health_check": {
            "anyOf": [{"$ref": "#/components/schemas/HealthCheck"}, {"type": "null"}]
          },
          "server_ports": {
            "anyOf": [{"$ref": "#/components/schemas/ServerPorts"}, {"type": "null"}]
          },
          "connect_timeout": {
            "anyOf": [{"$ref": "#/components/schemas/Timeout"}, {"type": "null"}]
          },
          "retry_interval": {
            "anyOf": [{"$ref": "#/components/schemas/Seconds"}, {"type": "null"}]
          },
          "prefer_ipv6": {"type": ["boolean", "null"]},
          "pool": {
            "type": ["object", "null"],
            "additionalProperties": false,
            "properties": {
              "size": {"type": ["integer", "null"], "minimum": 0, "maximum": 65536},
              "max_size": {"type": ["integer", "null"], "minimum": 0, "maximum": 65536},
              "max_idle": {"type": ["integer", "null"], "minimum": 1, "maximum": 65536},
              "visitor_timeout": {
                "anyOf": [{"$ref": "#/components/schemas/Timeout"}, {"type": "null"}]
              },
              "max_waiting_visitors": {
                "type": ["integer", "null"],
                "minimum": 1,
                "maximum": 1048576
              }
            }
          },
          "udp": {
            "type": ["object", "null"],
            "additionalProperties": false,
            "properties": {
              "idle_timeout": {
                "anyOf": [{"$ref": "#/components/schemas/Timeout"}, {"type": "null"}]
              },
              "max_visitors": {"type": ["integer", "null"], "minimum": 1, "maximum": 1048576},
              "queue_size": {"type": ["integer", "null"], "minimum": 65792, "maximum": 1073741824},
              "answers_from_any_port": {"type": ["boolean", "null"]}
            }
          },
          "proxy_protocol": {
            "anyOf": [{"$ref": "#/components/schemas/ProxyProtocol"}, {"type": "null"}]
          },
          "enable_proxy_protocol": {"type": ["boolean", "null"]},
          "proxy_protocol_datagrams": {
            "anyOf": [{"$ref": "#/components/schemas/DatagramHeaders"}, {"type": "null"}]
          },
          "accept_proxy_protocol": {"type": ["boolean", "null"]},
          "trusted_proxies": {
            "anyOf": [{"$ref": "#/components/schemas/Networks"}, {"type": "null"}]
          },
          "allow": {
            "anyOf": [{"$ref": "#/components/schemas/Networks"}, {"type": "null"}]
          },
          "deny": {
            "anyOf": [{"$ref": "#/components/schemas/Networks"}, {"type": "null"}]
          },
          "max_connections": {
            "anyOf": [{"$ref": "#/components/schemas/MaxConnections"}, {"type": "null"}]
          },
          "max_connections_per_address": {
            "anyOf": [{"$ref": "#/components/schemas/MaxConnections"}, {"type": "null"}]
          },
          "new_connections_per_second": {
            "anyOf": [
              {"type": ["integer", "null"], "minimum": 1, "maximum": 1000000},
              {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                  "rate": {"type": ["integer", "null"], "minimum": 1, "maximum": 1000000},
                  "burst": {"type": ["integer", "null"], "minimum": 1, "maximum": 1000000}
                }
              }
            ]
          },
          "bandwidth_limit": {
            "anyOf": [
              {"type": ["string", "null"]},
              {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                  "in": {"type": ["string", "null"]},
                  "out": {"type": ["string", "null"]}
                }
              }
            ]
          },
          "on_conflict": {
            "anyOf": [{"$ref": "#/components/schemas/OnConflict"}, {"type": "null"}]
          },
          "max_clients": {
            "anyOf": [{"$ref": "#/components/schemas/MaxClients"}, {"type": "null"}]
          },
          "affinity": {"anyOf": [{"$ref": "#/components/schemas/Affinity"}, {"type": "null"}]}
        }
      },
      "ServiceType": {
        "enum": ["tcp", "udp", "socket_stream"],
        "default": "tcp",
        "description": "`socket_stream` is `tcp` with paths of Unix-domain sockets as addresses."
      },
      "ServiceSettings": {
        "oneOf": [
          {"$ref": "#/components/schemas/ServerService"},
          {"$ref": "#/components/schemas/ClientService"}
        ]
      },
      "SettingsProblem": {
        "type": "object",
        "additionalProperties": false,
        "required": ["key", "what", "remedy", "severity"],
        "properties": {
          "key": {
            "type": "string",
            "description": "Path of the key in the file; may be empty."
          },
          "what": {"type": "string"},
          "remedy": {"type": "string"},
          "severity": {"enum": ["error", "warning"]},
          "file": {"type": "string", "description": "The file that has it."},
          "line": {"type": "integer", "minimum": 1},
          "column": {"type": "integer", "minimum": 0}
        }
      },
      "Status": {
        "type": "object",
        "additionalProperties": false,
        "required": [
          "version",
          "mode",
          "state",
          "ready",
          "reason",
          "started_at",
          "uptime_seconds",
          "transport",
          "services",
          "connections",
          "bytes",
          "visitors_refused",
          "editable"
        ],
        "properties": {
          "version": {"type": "string"},
          "mode": {"enum": ["server", "client"]},
          "state": {"enum": ["starting", "running", "draining", "stopping"]},
          "ready": {"type": "boolean"},
          "reason": {
            "type": ["string", "null"],
            "description": "Why it is not ready; otherwise null."
          },
          "started_at": {"$ref": "#/components/schemas/Time"},
          "uptime_seconds": {"type": "number", "minimum": 0},
          "transport": {"enum": ["tcp", "tls", "noise", "websocket"]},
          "services": {
            "type": "object",
            "additionalProperties": false,
            "required": ["total", "up"],
            "properties": {
              "total": {"$ref": "#/components/schemas/Count"},
              "up": {"$ref": "#/components/schemas/Count"}
            }
          },
          "connections": {"$ref": "#/components/schemas/Connections"},
          "bytes": {"$ref": "#/components/schemas/Traffic"},
          "visitors_refused": {"$ref": "#/components/schemas/Count"},
          "editable": {
            "type": "boolean",
            "description": "Whether services can be added: a `services_dir` is configured."
          }
        }
      },
      "Time": {"type": "string", "format": "date-time", "description": "UTC."},
      "Timeout": {
        "type": "integer",
        "minimum": 1,
        "maximum": 315360000,
        "description": "Whole seconds, at most ten years."
      },
      "Token": {
        "type": "string",
        "format": "password",
        "description": "May be left out if the file has a `default_token`. `********` keeps the present one."
      },
      "TokenFile": {
        "type": "string",
        "minLength": 1,
        "description": "The file with the token, instead of `token`, on the host of the program; relative to the folder of its configuration file."
      },
      "Traffic": {
        "description": "From visitors, and to visitors.",
        "type": "object",
        "additionalProperties": false,
        "required": ["received", "sent"],
        "properties": {
          "received": {"$ref": "#/components/schemas/Count"},
          "sent": {"$ref": "#/components/schemas/Count"}
        }
      },
      "TrafficHistory": {
        "description": "Oldest first. `received`, `sent`: bytes in each interval. `active`: connections at its end. `bytes`: in both directions, for each service.",
        "type": "object",
        "additionalProperties": false,
        "required": ["interval_seconds", "received", "sent", "active", "services"],
        "properties": {
          "interval_seconds": {"type": "integer", "minimum": 1},
          "received": {"$ref": "#/components/schemas/Series"},
          "sent": {"$ref": "#/components/schemas/Series"},
          "active": {"$ref": "#/components/schemas/Series"},
          "services": {
            "type": "object",
            "additionalProperties": false,
            "required": ["interval_seconds", "bytes"],
            "properties": {
              "interval_seconds": {"type": "integer", "minimum": 1},
              "bytes": {
                "type": "object",
                "additionalProperties": {
                  "type": "array",
                  "maxItems": 60,
                  "items": {"$ref": "#/components/schemas/Count"}
                }
              }
            }
          }
        }
      }
    }
  }
}
)openapi";

}  // namespace rathole::admin
