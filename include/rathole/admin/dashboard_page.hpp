#pragma once

#include <string_view>

namespace rathole::admin {

/// The HTML page of the dashboard, served at `/`. It contains no data.
inline constexpr std::string_view dashboard_page = R"page(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>rathole</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="dashboard.css">
<script type="module" src="dashboard.js"></script>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>

<header>
  <div class="bar">
    <h1>rathole <span id="mode"></span></h1>
    <p id="state" data-signed-in hidden></p>
    <p id="about" class="muted"></p>
    <div class="actions">
      <button id="reload" data-signed-in hidden>Reload file</button>
      <button id="drain" data-signed-in hidden>Drain</button>
      <button id="forget" hidden>Forget token</button>
    </div>
  </div>
  <nav id="links" aria-label="Views" data-signed-in hidden>
    <a href="#/services">Services</a>
    <a href="#/connections">Connections</a>
    <a href="#/events">Events</a>
  </nav>
</header>

<div id="lost" class="banner" hidden>
  <p><strong>Connection to the API lost:</strong> <span id="lostReason"></span></p>
  <button id="retry">Try now</button>
</div>
<div id="announcer" class="visually-hidden" role="status"></div>
<div id="notice" role="status"></div>

<main id="content" tabindex="-1">
<noscript>The dashboard needs JavaScript.</noscript>

<form id="tokenForm" class="card" hidden>
  <h2>Token required</h2>
  <p>The API asks for the <code>token</code> of the table <code>admin</code> in the configuration file. This tab keeps it until it is closed.</p>
  <label for="token">Token</label>
  <input id="token" type="password" autocomplete="current-password" required aria-describedby="tokenProblem">
  <p id="tokenProblem" class="problem" role="alert"></p>
  <button class="primary">Continue</button>
</form>

<dl id="totals" data-signed-in hidden>
  <div><dt>Services up</dt><dd id="totalServices"></dd></div>
  <div><dt>Active connections</dt><dd id="totalActive"></dd></div>
  <div><dt>Received from visitors</dt><dd id="totalReceived"></dd></div>
  <div><dt>Sent to visitors</dt><dd id="totalSent"></dd></div>
  <div><dt>Refused visitors</dt><dd id="totalRefused"></dd></div>
</dl>

<div data-view="services" data-signed-in hidden>
  <section class="card">
    <div class="section-head">
      <h2 id="trafficTitle">Traffic in the last hour</h2>
      <p class="key received">Received</p>
      <p class="key sent">Sent</p>
    </div>
    <svg id="chart" role="img" aria-labelledby="trafficTitle" aria-describedby="chartSummary"></svg>
    <p id="chartSummary" class="muted"></p>
  </section>

  <section class="card">
    <div class="section-head">
      <h2 id="servicesTitle">Services <span id="servicesCount" class="muted"></span></h2>
      <input id="servicesFilter" type="search" placeholder="Filter" aria-label="Filter services">
      <button id="add" class="primary" hidden>Add service</button>
    </div>
    <p id="notEditable" class="muted" hidden>Services cannot be changed here: the file sets no <code>services_dir</code>. Edit the file and reload it.</p>
    <div class="table-wrap"><table id="services" role="table" class="rows" aria-labelledby="servicesTitle"></table></div>
    <p id="servicesEmpty" class="empty" hidden></p>
  </section>
</div>

<section class="card" data-view="connections" data-signed-in hidden>
  <div class="section-head">
    <h2 id="connectionsTitle">Active connections <span id="connectionsCount" class="muted"></span></h2>
    <a id="onlyService" href="#/connections" hidden></a>
    <input id="connectionsFilter" type="search" placeholder="Filter" aria-label="Filter the connections of this page">
  </div>
  <div class="table-wrap"><table id="connections" role="table" class="rows" aria-labelledby="connectionsTitle"></table></div>
  <p id="connectionsEmpty" class="empty" hidden></p>
  <nav id="pages" aria-label="Pages of connections" hidden>
    <button id="newer">Newer</button>
    <button id="older">Older</button>
    <p id="pageRange"></p>
  </nav>
</section>

<section class="card" data-view="events" data-signed-in hidden>
  <div class="section-head">
    <h2 id="eventsTitle">Events <span id="eventsState" class="muted"></span></h2>
    <label><input id="withConnections" type="checkbox" checked> Connections</label>
    <button id="pause">Pause</button>
  </div>
  <ol id="events" aria-labelledby="eventsTitle"></ol>
  <p id="eventsEmpty" class="empty">No events yet.</p>
</section>
</main>

<dialog id="confirm" aria-labelledby="confirmTitle" aria-describedby="confirmText">
  <form id="confirmForm">
    <h2 id="confirmTitle"></h2>
    <p id="confirmText"></p>
    <div id="confirmProblem" class="problem" role="alert"></div>
    <div class="dialog-actions">
      <button type="button" data-close>Cancel</button>
      <button id="confirmButton"></button>
    </div>
  </form>
</dialog>

<dialog id="editor" aria-labelledby="editorTitle">
  <form id="editorForm">
    <h2 id="editorTitle"></h2>
    <div id="editorProblem" class="problem" role="alert"></div>
    <div id="fields"></div>
    <div class="dialog-actions">
      <button type="button" data-close>Cancel</button>
      <button id="save" class="primary">Save</button>
    </div>
  </form>
</dialog>
</body>
</html>
)page";

}  // namespace rathole::admin
