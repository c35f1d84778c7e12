import '@testing-library/jest-dom';
import { configure } from '@testing-library/react';

// Screens are loaded lazily, and a busy machine compiles them on first use.
configure({ asyncUtilTimeout: 20_000 });
