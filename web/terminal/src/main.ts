import '@fontsource/noto-sans-sc/400.css';
import '@fontsource/noto-sans-sc/600.css';
import './tokens.css';
import './base.css';
import { mount } from 'svelte';
import { learn } from './lib/i18n.ts';
import Terminal from './Terminal.svelte';
import { app } from './state/app.svelte.ts';
import { prefs } from './state/prefs.svelte.ts';

await learn(prefs.language);
prefs.apply();
app.start();
mount(Terminal, { target: document.getElementById('app')! });
